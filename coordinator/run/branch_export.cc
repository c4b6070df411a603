#include "coordinator/run/branch_export.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/huggingface/base_weights.h"
#include "common/status_macros.h"
#include "coordinator/export/base_files.h"
#include "coordinator/export/export_folder.h"
#include "coordinator/export/model_card.h"
#include "coordinator/run/base.h"
#include "coordinator/run/branch_start.h"
#include "coordinator/run/preparation.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr char kTemplate[] = "chat_template.jinja";
constexpr char kIndex[] = "model.safetensors.index.json";
constexpr uint64_t kDocumentBytesMax = uint64_t{256} << 20;

uint64_t BytesOf(const std::vector<fs::path>& files) {
  uint64_t bytes = 0;
  std::error_code error;
  for (const fs::path& file : files) {
    const uint64_t size = fs::file_size(file, error);
    if (!error) bytes += size;
  }
  return bytes;
}

absl::StatusOr<Json> ReadDocument(const fs::path& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kDocumentBytesMax));
  return ParseJson(text, file.string());
}

// What lies among the adapters is taken for a version, a backup or a pin.
absl::Status CheckIsOutside(const fs::path& adapters, const fs::path& folder) {
  std::error_code error;
  const fs::path inside =
      fs::weakly_canonical(folder, error).lexically_relative(fs::weakly_canonical(adapters, error));
  if (inside.empty() || *inside.begin() == "..") return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(folder.string(),
                   " lies in the branch's own adapters, which only strata train "
                   "and its like write to; name a folder outside of ",
                   adapters.string()));
}

absl::Status OtherBase(const Config& config, const StoredVersion& stored, const Digest& found) {
  return absl::FailedPreconditionError(absl::StrCat(
      "the base model is not the one that ", VersionName(stored.version),
      " was trained on: it was ", stored.manifest.base_fingerprint.Hex(), ", ",
      config.model_name_or_path.string(), " is ", found.Hex(), "; put the old base back"));
}

// One export in the making.
class Exporting {
 public:
  Exporting(const Config& config, const ExportRequest& request)
      : config_(config), request_(request) {}
  absl::StatusOr<ExportResult> Run();

 private:
  absl::Status ReadVersion();
  absl::Status OpenMerge();
  void CheckTokenizersBase();
  std::vector<std::string> VersionFiles() const;
  uint64_t BytesToWrite() const;
  absl::Status WriteVersionFiles(ExportFolder* folder);
  absl::Status WriteBaseFiles(ExportFolder* folder);
  absl::Status WriteWeights(ExportFolder* folder);
  absl::Status CheckBaseUnchanged() const;
  std::string Card() const;
  void List();

  const Config& config_;
  const ExportRequest& request_;
  StoredVersion stored_;
  Json adapter_config_, metadata_;
  std::vector<fs::path> base_files_;  // what goes along with it
  std::vector<fs::path> weights_;     // of the base, when they are merged
  std::unique_ptr<MergedWeights> merge_;
  ExportResult result_;
};

absl::Status Exporting::ReadVersion() {
  ASSIGN_OR_RETURN(const BranchStore store, OpenBranchStore(config_));
  ASSIGN_OR_RETURN(stored_, store.Find(request_.version));
  ASSIGN_OR_RETURN(adapter_config_, ReadDocument(stored_.folder / "adapter_config.json"));
  ASSIGN_OR_RETURN(metadata_, ReadDocument(stored_.folder / "training_metadata.json"));
  result_.version = stored_.version;
  result_.source = stored_.folder;
  result_.has_template = stored_.manifest.files.contains(kTemplate);
  const std::string what = VersionName(stored_.version) + "'s adapter_config.json";
  ASSIGN_OR_RETURN(result_.base_model_name,
                   JsonString(adapter_config_, "base_model_name_or_path", what));
  ASSIGN_OR_RETURN(const int64_t r, JsonInteger(adapter_config_, "r", what));
  result_.lora_r = static_cast<uint32_t>(r);
  result_.adapter_name = JsonString(metadata_, "adapter_name", what).value_or("adapter");
  if (!request_.merged && result_.lora_r > kVllmLoraRankMax) {
    result_.notes.push_back(absl::StrCat("vLLM refuses an adapter of rank ", result_.lora_r,
                                         ", more than ", kVllmLoraRankMax,
                                         "; it serves the base with it merged in (--merged)"));
  }
  const bool named = request_.version == stored_.folder.filename().string();
  if (stored_.folder != store.VersionDir(stored_.version) && !named) {
    result_.notes.push_back(absl::StrCat(VersionName(stored_.version),
                                         "'s own folder is missing or damaged; its backup ",
                                         stored_.folder.string(), " was taken"));
  }
  return absl::OkStatus();
}

// By what the version was trained with; branch.yaml may say something else by now.
absl::Status Exporting::OpenMerge() {
  Config trained = config_;
  const std::string what = VersionName(stored_.version) + "'s adapter_config.json";
  ASSIGN_OR_RETURN(trained.lora_alpha, JsonNumber(adapter_config_, "lora_alpha", what));
  ASSIGN_OR_RETURN(const Json* targets, JsonNested(adapter_config_, "target_modules", what));
  trained.lora_r = result_.lora_r;
  trained.lora_target_modules.clear();
  for (const Json& name : *targets)
    if (name.is_string()) trained.lora_target_modules.push_back(name.get<std::string>());
  ASSIGN_OR_RETURN(const Base base, OpenBase(trained));
  if (base.fingerprint != stored_.manifest.base_fingerprint)
    return OtherBase(config_, stored_, base.fingerprint);
  ASSIGN_OR_RETURN(weights_, WeightFiles(config_.model_name_or_path));
  AdapterToMerge adapter;
  adapter.layout = base.layout;
  ASSIGN_OR_RETURN(adapter.flat,
                   ReadAdapterFile(stored_.folder, base.layout, stored_.manifest.adapter_digest));
  adapter.scale = static_cast<float>(trained.lora_alpha / trained.lora_r);
  if (base.model.dtype != "float32") {
    result_.notes.push_back(absl::StrCat(
        "the merged weights are rounded to ", base.model.dtype,
        ", the base's own precision: answers may differ from those of base and adapter apart"));
  }
  ASSIGN_OR_RETURN(MergedWeights merge,
                   MergedWeights::Open(weights_, std::move(adapter), ThreadsPerRank(1)));
  merge_ = std::make_unique<MergedWeights>(std::move(merge));
  base_files_ = FilesBesideWeights(config_.model_name_or_path);
  const bool sharded = weights_[0].filename() != "model.safetensors";
  if (sharded) base_files_.push_back(config_.model_name_or_path / kIndex);
  return absl::OkStatus();
}

// A tokenizer goes along with an adapter if it is the one that it was trained with.
void Exporting::CheckTokenizersBase() {
  const fs::path& base = config_.model_name_or_path;
  const absl::StatusOr<Digest> found =
      BaseFingerprint(base, config_.CacheDir() / "base_sha256.json");
  if (found.ok() && *found == stored_.manifest.base_fingerprint) {
    base_files_ = TokenizerFiles(base);
    return;
  }
  result_.notes.push_back(absl::StrCat(
      "the adapter goes without tokenizer files: ",
      found.ok() ? absl::StrCat(base.string(), " is not the base that it was trained on")
                 : std::string(found.status().message())));
}

std::vector<std::string> Exporting::VersionFiles() const {
  std::vector<std::string> names = {"training_metadata.json"};
  if (result_.has_template) names.push_back(kTemplate);
  // Beside merged weights an adapter_config.json would have them loaded as an adapter.
  if (!request_.merged) {
    names.push_back("adapter_config.json");
    names.push_back("adapter_model.safetensors");
  }
  return names;
}

uint64_t Exporting::BytesToWrite() const {
  uint64_t bytes = BytesOf(base_files_) + BytesOf(weights_);
  for (const std::string& name : VersionFiles()) {
    const auto record = stored_.manifest.files.find(name);
    if (record != stored_.manifest.files.end()) bytes += record->second.bytes;
  }
  return bytes;
}

absl::Status Exporting::WriteVersionFiles(ExportFolder* folder) {
  for (const std::string& name : VersionFiles()) {
    const auto record = stored_.manifest.files.find(name);
    if (record == stored_.manifest.files.end()) {
      return absl::DataLossError(
          absl::StrCat(VersionName(stored_.version), " was committed without ", name));
    }
    RETURN_IF_ERROR(folder->Copy(stored_.folder / name, name, record->second.sha256));
  }
  return absl::OkStatus();
}

absl::Status Exporting::WriteBaseFiles(ExportFolder* folder) {
  std::string chat_template;
  if (result_.has_template) {
    ASSIGN_OR_RETURN(chat_template, ReadFile(folder->PathOf(kTemplate), kDocumentBytesMax));
  }
  for (const fs::path& file : base_files_) {
    const std::string name = file.filename().string();
    if (result_.has_template && name == kTemplate) continue;
    if (!result_.has_template || name != "tokenizer_config.json") {
      RETURN_IF_ERROR(folder->Copy(file, name));
      continue;
    }
    ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kDocumentBytesMax));
    ASSIGN_OR_RETURN(const std::string with, WithChatTemplate(text, chat_template, file.string()));
    RETURN_IF_ERROR(folder->Write(name, with));
  }
  return absl::OkStatus();
}

absl::Status Exporting::WriteWeights(ExportFolder* folder) {
  for (size_t i = 0; i < weights_.size(); ++i) {
    RETURN_IF_ERROR(merge_->Write(i, folder->PathOf(weights_[i].filename().string()),
                                  FileSystem::Real(), request_.on_bytes));
  }
  return request_.merged ? CheckBaseUnchanged() : absl::OkStatus();
}

// Costs a look at each file's stamp, unless one has changed while it was merged.
absl::Status Exporting::CheckBaseUnchanged() const {
  ASSIGN_OR_RETURN(const Digest after, BaseFingerprint(config_.model_name_or_path,
                                                       config_.CacheDir() / "base_sha256.json"));
  return after == stored_.manifest.base_fingerprint ? absl::OkStatus()
                                                    : OtherBase(config_, stored_, after);
}

std::string Exporting::Card() const {
  return ModelCard({.version = VersionName(stored_.version),
                    .merged = request_.merged,
                    .has_template = result_.has_template,
                    .adapter_config = adapter_config_,
                    .metadata = metadata_});
}

void Exporting::List() {
  std::error_code error;
  for (fs::directory_iterator at(result_.folder, error), end; !error && at != end;
       at.increment(error)) {
    result_.files.push_back(at->path().filename().string());
    result_.bytes += BytesOf({at->path()});
  }
  std::sort(result_.files.begin(), result_.files.end());
}

absl::StatusOr<ExportResult> Exporting::Run() {
  RETURN_IF_ERROR(CheckIsOutside(config_.AdaptersDir(), request_.folder));
  RETURN_IF_ERROR(ReadVersion());
  if (request_.merged) RETURN_IF_ERROR(OpenMerge());
  if (!request_.merged) CheckTokenizersBase();
  if (request_.on_start) request_.on_start();
  ASSIGN_OR_RETURN(ExportFolder folder,
                   ExportFolder::Begin(request_.folder, BytesToWrite(), FileSystem::Real()));
  RETURN_IF_ERROR(WriteVersionFiles(&folder));
  RETURN_IF_ERROR(WriteBaseFiles(&folder));
  RETURN_IF_ERROR(folder.Write("README.md", Card()));
  RETURN_IF_ERROR(WriteWeights(&folder));
  RETURN_IF_ERROR(folder.Finish());
  result_.folder = folder.folder();
  List();
  return result_;
}

}  // namespace

uint64_t WeightBytes(const fs::path& base) {
  const absl::StatusOr<std::vector<fs::path>> files = WeightFiles(base);
  return files.ok() ? BytesOf(*files) : 0;
}

absl::StatusOr<ExportResult> Export(const Config& config, const ExportRequest& request) {
  return Exporting(config, request).Run();
}

}  // namespace strata
