#include "coordinator/run/import.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "coordinator/config/glob.h"
#include "coordinator/plan/plan.h"
#include "coordinator/run/base.h"
#include "coordinator/run/run_lock.h"
#include "coordinator/store/branch_store.h"
#include "coordinator/store/writable.h"
#include "coordinator/tokens/token_store.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kDocumentBytesMax = uint64_t{256} << 20;
constexpr char kMetadata[] = "training_metadata.json";

// What the branch will be told about where its version comes from.
Json SourceOf(const AdapterFolder& adapter) {
  const PeftConfig& peft = adapter.peft;
  return {{"folder", adapter.folder.string()},
          {"adapter_model_sha256", adapter.file_sha256.Hex()},
          {"dtype", adapter.dtype},
          {"base_model_name_or_path", peft.base_model_name},
          {"r", peft.r},
          {"lora_alpha", peft.lora_alpha},
          {"use_rslora", peft.use_rslora},
          {"lora_dropout", peft.lora_dropout},
          {"target_modules", adapter.target_modules}};
}

// null when there is none, or none that can be read: *warning says so then.
Json OwnMetadata(const fs::path& folder, std::string* warning) {
  const absl::StatusOr<std::string> text = ReadFile(folder / kMetadata, kDocumentBytesMax);
  if (absl::IsNotFound(text.status())) return nullptr;
  absl::StatusOr<Json> json = text.ok() ? ParseJson(*text, (folder / kMetadata).string())
                                        : absl::StatusOr<Json>(text.status());
  if (json.ok() && json->is_object()) json->erase("imported_from");
  if (json.ok() && JsonNested(*json, "training_history", kMetadata).ok()) return *std::move(json);
  *warning = absl::StrCat("the history of the adapter is not carried over: ",
                          json.ok() ? absl::StrCat((folder / kMetadata).string(), " has none")
                                    : std::string(json.status().message()));
  return nullptr;
}

absl::StatusOr<Catalog> CatalogOf(const Config& config) {
  absl::StatusOr<Catalog> catalog = ReadCatalog(config);
  if (absl::IsNotFound(catalog.status())) return Catalog{};
  return catalog;
}

absl::StatusOr<std::vector<const Dataset*>> Matching(const Catalog& catalog,
                                                     const std::vector<std::string>& globs) {
  std::vector<bool> chosen(catalog.datasets.size());
  for (const std::string& glob : globs) {
    bool any = false;
    for (size_t i = 0; i < catalog.datasets.size(); ++i) {
      const std::string& name = catalog.datasets[i].name;
      if (!GlobMatches(glob, name) && glob + ".jsonl" != name) continue;
      any = chosen[i] = true;
    }
    if (any) continue;
    const std::string names =
        absl::StrJoin(catalog.datasets, ", ",
                      [](std::string* out, const Dataset& dataset) { *out += dataset.name; });
    return absl::InvalidArgumentError(
        absl::StrCat("--trained ", glob, " matches no file of training/",
                     names.empty() ? ", which is empty" : absl::StrCat("; it has ", names)));
  }
  std::vector<const Dataset*> matching;
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) matching.push_back(&catalog.datasets[i]);
  }
  return matching;
}

// One import from lock to result.
class Importing {
 public:
  Importing(const Config& config, const ImportRequest& request, BranchStore* store)
      : config_(config), request_(request), store_(store) {}
  absl::StatusOr<ImportResult> Run();

 private:
  void Warn(const std::string& sentence) const {
    if (request_.on_warning) request_.on_warning(sentence);
  }
  absl::StatusOr<Candidate> MakeCandidate(const AdapterFolder& adapter);
  absl::StatusOr<bool> IsCurrent(const Candidate& candidate) const;
  absl::Status SetPending();

  const Config& config_;
  const ImportRequest& request_;
  BranchStore* const store_;
  Base base_;
  Catalog catalog_;
  ImportResult result_;
};

absl::StatusOr<Candidate> Importing::MakeCandidate(const AdapterFolder& adapter) {
  std::string warning;
  Candidate candidate = CandidateFrom(config_, adapter, &warning);
  if (!warning.empty()) Warn(warning);
  ASSIGN_OR_RETURN(const TokenStore tokens, TokenStore::Open(config_));
  if (candidate.chat_template.empty()) candidate.chat_template = tokens.chat_template();
  candidate.parent = store_->current();
  candidate.base_fingerprint = base_.fingerprint;
  ASSIGN_OR_RETURN(const std::vector<const Dataset*> seen, Matching(catalog_, request_.trained));
  for (const Dataset* dataset : seen) {
    candidate.stages.push_back(TrainedElsewhere(*dataset));
    std::vector<ExampleDigest>& digests = candidate.examples[dataset->name];
    for (const ExampleEntry& example : dataset->examples) digests.push_back(example.content);
  }
  return candidate;
}

// That current has these values at this scale, and knows of all that is said to be trained.
absl::StatusOr<bool> Importing::IsCurrent(const Candidate& candidate) const {
  const Version current = store_->current();
  if (store_->AdapterDigestOf(current) != candidate.digest) return false;
  if (!CheckContinues(config_, base_, *store_, current).ok()) return false;
  ASSIGN_OR_RETURN(const Lineage lineage, store_->LineageOfCurrent());
  return std::all_of(
      candidate.stages.begin(), candidate.stages.end(), [&](const StageResult& stage) {
        return std::any_of(
            lineage.trained.begin(), lineage.trained.end(),
            [&](const TrainedDataset& trained) { return trained.sha256 == stage.sha256; });
      });
}

absl::Status Importing::SetPending() {
  ASSIGN_OR_RETURN(const Lineage lineage, store_->LineageOfCurrent());
  const std::vector<bool> pending = NeedsTokens(config_, catalog_, lineage, PlanRequest());
  for (size_t i = 0; i < pending.size(); ++i) {
    if (pending[i]) result_.pending.push_back(catalog_.datasets[i].name);
  }
  return absl::OkStatus();
}

absl::StatusOr<ImportResult> Importing::Run() {
  ASSIGN_OR_RETURN(base_, OpenBase(config_));
  ASSIGN_OR_RETURN(const AdapterFolder adapter,
                   ReadAdapterFolder(request_.folder, base_.model, config_.base_model_name));
  RETURN_IF_ERROR(CheckFits(adapter, config_));
  for (const std::string& warning : WarningsOf(adapter, config_)) Warn(warning);
  ASSIGN_OR_RETURN(catalog_, CatalogOf(config_));
  ASSIGN_OR_RETURN(const Candidate candidate, MakeCandidate(adapter));
  ASSIGN_OR_RETURN(result_.already_current, IsCurrent(candidate));
  if (result_.already_current) {
    result_.version = store_->current();
  } else {
    RETURN_IF_ERROR(CheckWritable(config_.AdaptersDir(), FileSystem::Real()));
    ASSIGN_OR_RETURN(const CommitOutcome outcome, store_->Commit(candidate));
    if (!outcome.rotation_pending.empty()) Warn(outcome.rotation_pending);
    result_.version = outcome.version;
    result_.parked = outcome.parked;
    result_.backups = outcome.backups;
  }
  result_.trained = candidate.stages;
  result_.imported_from = candidate.origin->imported_from;
  RETURN_IF_ERROR(SetPending());
  return result_;
}

}  // namespace

Candidate CandidateFrom(const Config& config, const AdapterFolder& adapter, std::string* warning) {
  Candidate candidate;
  candidate.fresh_lineage = true;
  candidate.now = std::chrono::system_clock::now();
  candidate.run = NewRunId(candidate.now);
  candidate.layout = adapter.layout;
  candidate.adapter = adapter.values;
  candidate.digest = Sha256Of({reinterpret_cast<const char*>(adapter.values.data()),
                               adapter.values.size() * sizeof(float)});
  candidate.lora_r = adapter.peft.r;
  // CheckFits allows a rounded alpha; CheckContinues compares the committed one to the last bit.
  candidate.lora_alpha = config.lora_alpha;
  candidate.lora_dropout = adapter.peft.lora_dropout;
  candidate.target_modules = adapter.target_modules;
  candidate.adapter_name = config.name;
  candidate.base_model_name = config.base_model_name;
  candidate.chat_template =
      ReadFile(adapter.folder / "chat_template.jinja", kDocumentBytesMax).value_or("");
  candidate.keep_backups = config.keep_backups;
  candidate.origin = Origin{SourceOf(adapter), OwnMetadata(adapter.folder, warning)};
  return candidate;
}

StageResult TrainedElsewhere(const Dataset& dataset) {
  StageResult stage;
  stage.dataset = dataset.name;
  stage.tier = dataset.tier;
  stage.sha256 = dataset.sha256;
  stage.examples = dataset.examples.size();
  stage.left_out.bad_lines = dataset.bad_line_count;
  return stage;
}

absl::StatusOr<ImportResult> Import(const Config& config, const ImportRequest& request) {
  ASSIGN_OR_RETURN(const FileLock lock, HoldForRun(config));
  ASSIGN_OR_RETURN(BranchStore store, BranchStore::Open(config.AdaptersDir()));
  ASSIGN_OR_RETURN(const std::vector<std::string> mended, store.Recover());
  for (const std::string& sentence : mended) {
    if (request.on_warning) request.on_warning(sentence);
  }
  return Importing(config, request, &store).Run();
}

}  // namespace strata
