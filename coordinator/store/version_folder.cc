#include "coordinator/store/version_folder.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/huggingface/adapter_file.h"
#include "common/huggingface/safetensors.h"
#include "common/status_macros.h"
#include "coordinator/store/metadata.h"
#include "coordinator/store/portability.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kFormat = 1;
constexpr uint64_t kDocumentBytesMax = uint64_t{256} << 20;
constexpr uint64_t kExamplesBytesMax = uint64_t{16} << 30;
constexpr char kManifest[] = "manifest.json";
constexpr char kConfig[] = "adapter_config.json";
constexpr char kAdapter[] = "adapter_model.safetensors";
constexpr char kMetadata[] = "training_metadata.json";
constexpr char kExamples[] = "trained_examples.bin";

absl::Status Refused(absl::string_view why) {
  return absl::DataLossError(absl::StrCat("the adapter is refused: ", why));
}

bool IsLoraB(const std::string& name) { return name.find(".lora_B.") != std::string::npos; }

Digest DigestOfValues(const std::vector<float>& values) {
  return Sha256Of({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
}

Json ManifestJson(const Manifest& manifest) {
  Json files = Json::object();
  for (const auto& [name, file] : manifest.files) {
    files[name] = {{"bytes", file.bytes}, {"sha256", file.sha256.Hex()}};
  }
  return {{"format", kFormat},
          {"version", manifest.version.value()},
          {"parent", manifest.parent.value()},
          {"run", manifest.run},
          {"base_fingerprint", manifest.base_fingerprint.Hex()},
          {"adapter_digest", manifest.adapter_digest.Hex()},
          {"files", std::move(files)}};
}

absl::StatusOr<Digest> DigestAt(const Json& json, std::string_view key) {
  ASSIGN_OR_RETURN(const std::string hex, JsonString(json, key, kManifest));
  return DigestFromHex(hex);
}

absl::StatusOr<Manifest> ManifestOf(const Json& json) {
  ASSIGN_OR_RETURN(const int64_t format, JsonInteger(json, "format", kManifest));
  if (format != kFormat) {
    return absl::DataLossError(
        absl::StrCat("the manifest has format ", format, "; this strata reads ", kFormat));
  }
  Manifest manifest;
  ASSIGN_OR_RETURN(const int64_t version, JsonInteger(json, "version", kManifest));
  ASSIGN_OR_RETURN(const int64_t parent, JsonInteger(json, "parent", kManifest));
  if (version < 1 || version > UINT32_MAX || parent < 0 || parent >= version) {
    return absl::DataLossError("the manifest's version or parent is out of range");
  }
  manifest.version = Version(static_cast<uint32_t>(version));
  manifest.parent = Version(static_cast<uint32_t>(parent));
  ASSIGN_OR_RETURN(manifest.run, JsonString(json, "run", kManifest));
  ASSIGN_OR_RETURN(manifest.base_fingerprint, DigestAt(json, "base_fingerprint"));
  ASSIGN_OR_RETURN(manifest.adapter_digest, DigestAt(json, "adapter_digest"));
  ASSIGN_OR_RETURN(const Json* files, JsonNested(json, "files", kManifest));
  for (const auto& [name, file] : files->items()) {
    ASSIGN_OR_RETURN(const int64_t bytes, JsonInteger(file, "bytes", kManifest));
    ASSIGN_OR_RETURN(const Digest sha256, DigestAt(file, "sha256"));
    if (bytes < 0) {
      return absl::DataLossError(absl::StrCat("the manifest gives ", name, " ", bytes, " bytes"));
    }
    if (name.empty() || name == "." || name == ".." || fs::path(name).filename() != name) {
      return absl::DataLossError(absl::StrCat("the manifest names ", name, " outside its folder"));
    }
    manifest.files[name] = {static_cast<uint64_t>(bytes), sha256};
  }
  return manifest;
}

absl::StatusOr<std::string> AdapterBytes(const Candidate& candidate) {
  std::vector<MatrixToWrite> matrices;
  for (const AdapterTensor& tensor : candidate.layout.tensors) {
    matrices.push_back(
        {tensor.name, tensor.rows, tensor.columns, candidate.adapter.data() + tensor.offset});
  }
  return SafetensorsBytes(matrices);
}

absl::StatusOr<Portability> Judged(const Json& config, const std::vector<TensorView>& tensors) {
  Portability portability = PortabilityOf(config, tensors);
  if (portability.peft.ok()) return portability;
  return Refused(absl::StrCat("PEFT would not load it: ", portability.peft.breaches.front()));
}

absl::Status JudgeCandidate(const Candidate& candidate) {
  std::vector<TensorView> tensors;
  for (const AdapterTensor& tensor : candidate.layout.tensors)
    tensors.push_back({tensor.name, "F32", {tensor.rows, tensor.columns}});
  return Judged(AdapterConfig(candidate), tensors).status();
}

// By the two files that others read, as they stand on disk.
absl::StatusOr<Json> JudgeFolder(const fs::path& folder) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(folder / kConfig, kDocumentBytesMax));
  ASSIGN_OR_RETURN(const Json config, ParseJson(text, (folder / kConfig).string()));
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(folder / kAdapter));
  ASSIGN_OR_RETURN(const Portability portability, Judged(config, file.tensors()));
  return PortabilityJson(portability);
}

// Writes the files one by one and remembers what was written.
class FolderWriter {
 public:
  FolderWriter(fs::path folder, FileSystem* files) : folder_(std::move(folder)), files_(files) {}
  absl::Status Write(const char* name, std::string_view bytes) {
    records_[name] = {bytes.size(), Sha256Of(bytes)};
    return files_->WriteFileDurably(folder_ / name, bytes);
  }
  const std::map<std::string, FileRecord>& records() const { return records_; }

 private:
  fs::path folder_;
  FileSystem* files_;
  std::map<std::string, FileRecord> records_;
};

absl::StatusOr<std::string> ReadVouched(const fs::path& folder, const Digest& manifest_sha256,
                                        const char* name) {
  Digest found;
  ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(folder, &found));
  ASSIGN_OR_RETURN(std::string bytes, ReadFile(folder / name, kExamplesBytesMax));
  const auto record = manifest.files.find(name);
  if (found != manifest_sha256 || record == manifest.files.end() ||
      record->second.sha256 != Sha256Of(bytes)) {
    return absl::DataLossError(
        absl::StrCat((folder / name).string(), " is not what was committed; see `strata verify`"));
  }
  return bytes;
}

}  // namespace

absl::Status CheckValues(const AdapterLayout& layout, const std::vector<float>& adapter) {
  bool b_is_zero = true;
  for (const AdapterTensor& tensor : layout.tensors) {
    const float* values = adapter.data() + tensor.offset;
    const bool is_b = IsLoraB(tensor.name);
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      if (!std::isfinite(values[i])) {
        return Refused(absl::StrCat(tensor.name, " has a value that is not finite at element ", i));
      }
      if (is_b && values[i] != 0) b_is_zero = false;
    }
  }
  if (b_is_zero) return Refused("every lora_B is zero, so it changes nothing; nothing was learnt");
  return absl::OkStatus();
}

absl::Status CheckCandidate(const Candidate& candidate) {
  const std::string& run = candidate.run.value();
  if (run.empty() || fs::path(run).filename() != run || run.front() == '.') {
    return absl::InvalidArgumentError(absl::StrCat("the run id '", run, "' cannot name a folder"));
  }
  if (static_cast<int64_t>(candidate.adapter.size()) != candidate.layout.elements) {
    return absl::InvalidArgumentError(absl::StrCat("the adapter has ", candidate.adapter.size(),
                                                   " elements where its layout has ",
                                                   candidate.layout.elements));
  }
  if (candidate.chat_template.empty()) {
    return absl::InvalidArgumentError(
        "there is no chat template: what serves the adapter could not ask it as it was trained");
  }
  bool any_trained = false;
  for (const StageResult& stage : candidate.stages) {
    if (!stage.trained()) continue;
    any_trained = true;
    if (stage.loss && !std::isfinite(*stage.loss)) {
      return Refused(absl::StrCat("the loss of ", stage.dataset, " is not finite"));
    }
  }
  if (!any_trained && !candidate.origin)
    return absl::InvalidArgumentError("no dataset was trained: nothing to commit");
  RETURN_IF_ERROR(JudgeCandidate(candidate));
  RETURN_IF_ERROR(CheckValues(candidate.layout, candidate.adapter));
  const Digest digest = DigestOfValues(candidate.adapter);
  if (digest != candidate.digest) {
    return Refused(absl::StrCat("its values have the digest ", digest.Hex(),
                                ", the ranks agreed on ", candidate.digest.Hex()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Digest> WriteVersionFolder(const fs::path& folder, const Candidate& candidate,
                                          Version version, const Inheritance& inheritance,
                                          FileSystem* files) {
  RETURN_IF_ERROR(files->CreateDirectories(folder));
  FolderWriter writer(folder, files);
  ASSIGN_OR_RETURN(const std::string adapter, AdapterBytes(candidate));
  RETURN_IF_ERROR(writer.Write(kAdapter, adapter));
  RETURN_IF_ERROR(writer.Write(kConfig, DumpJson(AdapterConfig(candidate), 2) + "\n"));
  Json metadata = TrainingMetadata(candidate, version, inheritance.metadata);
  ASSIGN_OR_RETURN(metadata["portability"], JudgeFolder(folder));
  RETURN_IF_ERROR(writer.Write(kMetadata, DumpJson(metadata, 2) + "\n"));
  RETURN_IF_ERROR(writer.Write("chat_template.jinja", candidate.chat_template));
  ExamplesByDataset examples = inheritance.examples;
  for (const auto& [name, digests] : candidate.examples) {
    examples[name].insert(digests.begin(), digests.end());
  }
  RETURN_IF_ERROR(writer.Write(kExamples, EncodeExamples(examples)));
  Manifest manifest{
      version,          ParentOf(candidate), candidate.run.value(), candidate.base_fingerprint,
      candidate.digest, writer.records()};
  const std::string text = DumpJson(ManifestJson(manifest), 2) + "\n";
  RETURN_IF_ERROR(writer.Write(kManifest, text));
  RETURN_IF_ERROR(files->FsyncDirectory(folder));
  return Sha256Of(text);
}

absl::Status GateVersionFolder(const fs::path& folder, const Digest& manifest_sha256,
                               const Candidate& candidate) {
  const std::vector<std::string> findings =
      CheckFolder(folder, manifest_sha256, FolderCheck::kHash);
  if (!findings.empty()) return Refused(absl::StrCat("read back, ", findings.front()));
  ASSIGN_OR_RETURN(const std::vector<float> flat,
                   ReadAdapterFile(folder, candidate.layout, candidate.digest));
  return CheckValues(candidate.layout, flat);
}

absl::StatusOr<Manifest> ReadManifest(const fs::path& folder, Digest* sha256) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(folder / kManifest, kDocumentBytesMax));
  if (sha256 != nullptr) *sha256 = Sha256Of(text);
  ASSIGN_OR_RETURN(const Json json, ParseJson(text, (folder / kManifest).string()));
  return ManifestOf(json);
}

std::vector<std::string> CheckFolder(const fs::path& folder, const Digest& manifest_sha256,
                                     FolderCheck depth) {
  std::vector<std::string> findings;
  Digest found;
  const absl::StatusOr<Manifest> manifest = ReadManifest(folder, &found);
  if (!manifest.ok()) return {std::string(manifest.status().message())};
  if (found != manifest_sha256) {
    return {absl::StrCat((folder / kManifest).string(), " is not the one that was committed")};
  }
  for (const auto& [name, record] : manifest->files) {
    const fs::path file = folder / name;
    std::error_code error;
    const uint64_t bytes = fs::file_size(file, error);
    if (error) {
      findings.push_back(absl::StrCat(file.string(), " is missing"));
    } else if (bytes != record.bytes) {
      findings.push_back(absl::StrCat(file.string(), " has ", bytes, " bytes where ", record.bytes,
                                      " were committed"));
    } else if (depth == FolderCheck::kSizeAndTime && !ChangedAfter(file, folder / kManifest)) {
      continue;
    } else if (const absl::StatusOr<Digest> hash = Sha256OfFile(file);
               !hash.ok() || *hash != record.sha256) {
      findings.push_back(absl::StrCat(file.string(), depth == FolderCheck::kHash
                                                         ? " has other bytes than were committed"
                                                         : " was changed after its commit"));
    }
  }
  return findings;
}

absl::StatusOr<std::vector<float>> ReadAdapterFile(const fs::path& folder,
                                                   const AdapterLayout& layout,
                                                   const Digest& expected) {
  ASSIGN_OR_RETURN(std::vector<float> flat, ReadAdapterTensors(folder / kAdapter, layout));
  if (DigestOfValues(flat) != expected) {
    return absl::DataLossError(absl::StrCat((folder / kAdapter).string(),
                                            " has other values than were committed; take a "
                                            "backup back with `strata restore`"));
  }
  return flat;
}

absl::StatusOr<Json> ReadMetadataFile(const fs::path& folder, const Digest& manifest_sha256) {
  ASSIGN_OR_RETURN(const std::string text, ReadVouched(folder, manifest_sha256, kMetadata));
  return ParseJson(text, (folder / kMetadata).string());
}

absl::StatusOr<ExamplesByDataset> ReadExamplesFile(const fs::path& folder,
                                                   const Digest& manifest_sha256) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadVouched(folder, manifest_sha256, kExamples));
  return DecodeExamples(bytes);
}

}  // namespace strata
