#include "coordinator/store/found_version.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/huggingface/safetensors.h"
#include "common/status_macros.h"
#include "coordinator/store/event_fields.h"
#include "coordinator/store/version_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMetadata = "the metadata";
constexpr std::string_view kHistory = "the history";

absl::Status Wrong(const fs::path& folder, absl::string_view why) {
  return absl::DataLossError(absl::StrCat(folder.string(), ": ", why));
}

absl::Status CheckFiles(const fs::path& folder, const Manifest& manifest, const Digest& sha256) {
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors",
                           "training_metadata.json", "trained_examples.bin"}) {
    if (!manifest.files.contains(name))
      return Wrong(folder, absl::StrCat("its manifest names no ", name));
  }
  const std::vector<std::string> findings = CheckFolder(folder, sha256, FolderCheck::kHash);
  return findings.empty() ? absl::OkStatus() : absl::DataLossError(findings.front());
}

absl::Status CheckFinite(const fs::path& folder) {
  ASSIGN_OR_RETURN(const SafetensorsFile file,
                   SafetensorsFile::Open(folder / "adapter_model.safetensors"));
  bool trained = false;
  for (const TensorView& tensor : file.tensors()) {
    if (tensor.dtype != "F32") return Wrong(folder, tensor.name + " is not F32");
    const auto* values = static_cast<const char*>(tensor.data);
    const bool is_b = tensor.name.find(".lora_B.") != std::string::npos;
    for (uint64_t at = 0; at + sizeof(float) <= tensor.bytes; at += sizeof(float)) {
      float value = 0;
      std::copy_n(values + at, sizeof value, reinterpret_cast<char*>(&value));
      if (!std::isfinite(value)) return Wrong(folder, tensor.name + " is not finite");
      trained |= is_b && value != 0;
    }
  }
  return trained ? absl::OkStatus() : Wrong(folder, "every lora_B is zero");
}

// null where an import did not know it.
uint64_t CountOrNone(const Json& line, const char* key, uint64_t max) {
  return EventCount(line, key, max).value_or(0);
}

// What the adapter it was imported from had in its own history is no stage of this branch.
bool IsForeign(const Json& line) {
  return JsonBool(line, "elsewhere", kHistory).value_or(false) &&
         JsonString(line, "timestamp", kHistory).ok();
}

absl::StatusOr<StageResult> StageOf(const Json& line) {
  StageResult stage;
  ASSIGN_OR_RETURN(stage.dataset, JsonString(line, "dataset", kHistory));
  ASSIGN_OR_RETURN(stage.tier, JsonString(line, "tier", kHistory));
  ASSIGN_OR_RETURN(stage.sha256, EventDigest(line, "sha256"));
  stage.pass = static_cast<uint32_t>(CountOrNone(line, "pass", UINT32_MAX));
  stage.examples = CountOrNone(line, "examples", INT64_MAX);
  stage.epochs = static_cast<uint32_t>(CountOrNone(line, "epochs", UINT32_MAX));
  const absl::StatusOr<double> loss = JsonNumber(line, "loss", kHistory);
  if (loss.ok()) stage.loss = *loss;
  return stage;
}

absl::Status TakeMetadata(const fs::path& folder, const Json& metadata, CommittedVersion* commit) {
  ASSIGN_OR_RETURN(const std::string version, JsonString(metadata, "version", kMetadata));
  ASSIGN_OR_RETURN(commit->run, EventRun(metadata));
  ASSIGN_OR_RETURN(commit->time, JsonString(metadata, "last_updated", kMetadata));
  absl::Time time;
  if (!absl::ParseTime(absl::RFC3339_full, commit->time, &time, nullptr))
    return Wrong(folder, absl::StrCat("its time is '", commit->time, "'"));
  if (version != VersionName(commit->version))
    return Wrong(folder, absl::StrCat("its metadata is of ", version));
  const auto from = metadata.find("imported_from");
  commit->imported = from != metadata.end() &&
                     JsonString(*from, "version", "imported_from").value_or("") == version;
  ASSIGN_OR_RETURN(const Json* history, JsonNested(metadata, "training_history", kMetadata));
  for (const Json& line : *history) {
    if (IsForeign(line)) continue;
    ASSIGN_OR_RETURN(StageResult stage, StageOf(line));
    commit->stages.push_back(std::move(stage));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CommittedVersion> ReadFoundVersion(const fs::path& folder) {
  CommittedVersion commit;
  ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(folder, &commit.manifest_sha256));
  RETURN_IF_ERROR(CheckFiles(folder, manifest, commit.manifest_sha256));
  RETURN_IF_ERROR(CheckFinite(folder));
  ASSIGN_OR_RETURN(const Json metadata, ReadMetadataFile(folder, commit.manifest_sha256));
  RETURN_IF_ERROR(ReadExamplesFile(folder, commit.manifest_sha256).status());
  commit.version = manifest.version;
  commit.parent = manifest.parent;
  commit.adapter_digest = manifest.adapter_digest;
  commit.base_fingerprint = manifest.base_fingerprint;
  commit.parked = true;
  RETURN_IF_ERROR(TakeMetadata(folder, metadata, &commit));
  if (commit.run != manifest.run)
    return Wrong(folder, absl::StrCat("its metadata is of the run ", commit.run));
  return commit;
}

}  // namespace strata
