#include "coordinator/run/run_folder.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/posix_file.h"
#include "common/status_macros.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kFormat = 1;
constexpr char kWhat[] = "run.json";
constexpr uint64_t kFileBytesMax = uint64_t{1} << 32;
constexpr size_t kDigestBytes = 16;

fs::path TokensOf(const fs::path& folder, const StagePlan& stage) {
  return folder / "tokens" / (stage.sha256.Hex() + ".tokens");
}
fs::path ContentsOf(const fs::path& folder, const StagePlan& stage) {
  return folder / "tokens" / (stage.sha256.Hex() + ".contents");
}

size_t IndexOf(const Catalog& catalog, const StagePlan& stage) {
  size_t index = 0;
  while (catalog.datasets[index].name != stage.dataset) ++index;
  return index;
}

absl::Status LinkTokens(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (error) fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
  if (error)
    return absl::UnavailableError(
        absl::StrCat("cannot write ", to.string(), ": ", error.message()));
  return FileSystem::Real()->FsyncFile(to);
}

// A cache that was damaged is deleted: the next try makes it anew.
absl::Status CheckTokens(const DatasetTokens& tokens) {
  for (uint32_t example = 0; example < tokens.counts().size(); ++example) {
    const absl::Status read = tokens.Read(example).status();
    if (read.ok()) continue;
    std::error_code stays;
    fs::remove(tokens.file(), stays);
    return absl::AbortedError(absl::StrCat("the cached tokens at ", tokens.file().string(),
                                           " were damaged and are deleted; train again"));
  }
  return absl::OkStatus();
}

std::string BytesOf(const Dataset& dataset) {
  std::string bytes;
  for (const ExampleEntry& example : dataset.examples) {
    for (const uint64_t half : {example.content.high, example.content.low})
      bytes.append(reinterpret_cast<const char*>(&half), sizeof half);
  }
  return bytes;
}

std::vector<ExampleDigest> DigestsOf(const std::string& bytes) {
  std::vector<ExampleDigest> digests(bytes.size() / kDigestBytes);
  for (size_t i = 0; i < digests.size(); ++i) {
    std::memcpy(&digests[i].high, bytes.data() + i * kDigestBytes, sizeof(uint64_t));
    std::memcpy(&digests[i].low, bytes.data() + i * kDigestBytes + 8, sizeof(uint64_t));
  }
  return digests;
}

// The file's bytes, if they are those whose digest `json` has under `key`.
absl::StatusOr<std::string> ReadProven(const fs::path& file, const Json& json,
                                       const std::string& key) {
  ASSIGN_OR_RETURN(std::string bytes, ReadFile(file, kFileBytesMax));
  ASSIGN_OR_RETURN(const std::string digest, JsonString(json, key.c_str(), kWhat));
  if (Sha256Of(bytes).Hex() != digest)
    return absl::DataLossError(absl::StrCat(file.string(), " is not what the run wrote"));
  return bytes;
}

absl::StatusOr<PlanRequest> RequestOf(const Json& json) {
  PlanRequest request;
  ASSIGN_OR_RETURN(request.all, JsonBool(json, "all", kWhat));
  ASSIGN_OR_RETURN(request.rebuild, JsonBool(json, "rebuild", kWhat));
  ASSIGN_OR_RETURN(const Json* datasets, JsonNested(json, "datasets", kWhat));
  for (const Json& dataset : *datasets) {
    if (!dataset.is_string()) return absl::DataLossError("run.json: a dataset is no name");
    request.datasets.insert(dataset.get<std::string>());
  }
  return request;
}

}  // namespace

absl::Status WriteRunFolder(const fs::path& folder, const Preparation& preparation,
                            const RunTerms& terms) {
  FileSystem* const files = FileSystem::Real();
  RETURN_IF_ERROR(files->CreateDirectories(folder / "tokens"));
  Json json = {{"format", kFormat},
               {"all", terms.request.all},
               {"rebuild", terms.request.rebuild},
               {"datasets", terms.request.datasets},
               {"base_fingerprint", terms.base_fingerprint.Hex()},
               {"chat_template", preparation.chat_template},
               {"settings", Json::array()},
               {"tokens", Json::object()},
               {"contents", Json::object()}};
  for (const auto& [key, value] : terms.settings) json["settings"].push_back({key, value});
  for (const StagePlan& stage : preparation.plan.stages) {
    const size_t index = IndexOf(preparation.catalog, stage);
    RETURN_IF_ERROR(CheckTokens(*preparation.tokens[index]));
    RETURN_IF_ERROR(LinkTokens(preparation.tokens[index]->file(), TokensOf(folder, stage)));
    ASSIGN_OR_RETURN(const Digest tokens, Sha256OfFile(TokensOf(folder, stage)));
    json["tokens"][stage.sha256.Hex()] = tokens.Hex();
    const std::string contents = BytesOf(preparation.catalog.datasets[index]);
    RETURN_IF_ERROR(files->ReplaceFileDurably(ContentsOf(folder, stage), contents));
    json["contents"][stage.sha256.Hex()] = Sha256Of(contents).Hex();
  }
  const std::string plan = DumpJson(PlanToJson(preparation.plan)) + "\n";
  RETURN_IF_ERROR(files->WriteFileDurably(folder / "plan.json", plan));
  json["plan"] = Sha256Of(plan).Hex();
  json["sha256"] = Sha256Of(DumpJson(json)).Hex();
  return files->ReplaceFileDurably(folder / "run.json", DumpJson(json) + "\n");
}

absl::StatusOr<RunMaterial> ReadRunFolder(const fs::path& folder, const Config& config) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(folder / "run.json", kFileBytesMax));
  ASSIGN_OR_RETURN(Json json, ParseJson(text, kWhat));
  ASSIGN_OR_RETURN(const int64_t format, JsonInteger(json, "format", kWhat));
  if (format != kFormat) {
    return absl::FailedPreconditionError(absl::StrCat(
        (folder / "run.json").string(), " has format ", format, ", this version reads ", kFormat,
        ": go on with the strata that began the run, or train --restart"));
  }
  ASSIGN_OR_RETURN(const std::string proof, JsonString(json, "sha256", kWhat));
  json.erase("sha256");
  if (Sha256Of(DumpJson(json)).Hex() != proof) {
    return absl::DataLossError(
        absl::StrCat((folder / "run.json").string(), " is not what the run wrote"));
  }
  RunMaterial material;
  ASSIGN_OR_RETURN(material.request, RequestOf(json));
  ASSIGN_OR_RETURN(const std::string base, JsonString(json, "base_fingerprint", kWhat));
  ASSIGN_OR_RETURN(material.base_fingerprint, DigestFromHex(base));
  ASSIGN_OR_RETURN(material.chat_template, JsonString(json, "chat_template", kWhat));
  ASSIGN_OR_RETURN(const Json* settings, JsonNested(json, "settings", kWhat));
  for (const Json& setting : *settings) {
    if (!setting.is_array() || setting.size() != 2 || !setting[0].is_string() ||
        !setting[1].is_string()) {
      return absl::DataLossError("run.json: a setting is no key with a value");
    }
    material.settings.emplace_back(setting[0].get<std::string>(), setting[1].get<std::string>());
  }
  ASSIGN_OR_RETURN(const std::string plan_text, ReadProven(folder / "plan.json", json, "plan"));
  ASSIGN_OR_RETURN(const Json plan, ParseJson(plan_text, "plan.json"));
  ASSIGN_OR_RETURN(material.plan, PlanFromJson(plan));
  ASSIGN_OR_RETURN(const Json* contents, JsonNested(json, "contents", kWhat));
  ASSIGN_OR_RETURN(const Json* tokens_of, JsonNested(json, "tokens", kWhat));
  for (const StagePlan& stage : material.plan.stages) {
    ASSIGN_OR_RETURN(const std::string digest,
                     JsonString(*tokens_of, stage.sha256.Hex().c_str(), kWhat));
    ASSIGN_OR_RETURN(const Digest found, Sha256OfFile(TokensOf(folder, stage)));
    if (found.Hex() != digest)
      return absl::DataLossError(
          absl::StrCat(TokensOf(folder, stage).string(), " is not what the run wrote"));
    ASSIGN_OR_RETURN(const std::string bytes,
                     ReadProven(ContentsOf(folder, stage), *contents, stage.sha256.Hex()));
    material.contents.push_back(DigestsOf(bytes));
    ASSIGN_OR_RETURN(DatasetTokens tokens,
                     DatasetTokens::Open(TokensOf(folder, stage), config.max_length,
                                         config.excess_length_strategy));
    if (tokens.counts().size() != material.contents.back().size())
      return absl::DataLossError(absl::StrCat("the run's tokens of ", stage.dataset,
                                              " are not of the examples it was planned for"));
    material.tokens.push_back(std::move(tokens));
  }
  return material;
}

}  // namespace strata
