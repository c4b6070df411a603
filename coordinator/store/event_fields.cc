#include "coordinator/store/event_fields.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr std::string_view kBody = "the body";

}  // namespace

absl::StatusOr<uint64_t> EventCount(const Json& body, std::string_view key, uint64_t max) {
  ASSIGN_OR_RETURN(const int64_t number, JsonInteger(body, key, kBody));
  if (number < 0 || static_cast<uint64_t>(number) > max) {
    return absl::DataLossError(absl::StrCat(absl::string_view(key.data(), key.size()), " is ",
                                            number, ", where 0 to ", max, " is possible"));
  }
  return static_cast<uint64_t>(number);
}

absl::StatusOr<Version> EventVersionOrNone(const Json& body, std::string_view key) {
  ASSIGN_OR_RETURN(const uint64_t number, EventCount(body, key, UINT32_MAX));
  return Version(static_cast<uint32_t>(number));
}

absl::StatusOr<Version> EventVersion(const Json& body, std::string_view key) {
  ASSIGN_OR_RETURN(const Version version, EventVersionOrNone(body, key));
  if (version == Version()) return absl::DataLossError("it names version 0, which is none");
  return version;
}

absl::StatusOr<std::string> EventRun(const Json& body) {
  ASSIGN_OR_RETURN(std::string run, JsonString(body, "run", kBody));
  if (run.empty() || run.front() == '.' || run.find('/') != std::string::npos) {
    return absl::DataLossError(absl::StrCat("'", run, "' is not the id of a run"));
  }
  return run;
}

absl::StatusOr<Digest> EventDigest(const Json& body, std::string_view key) {
  ASSIGN_OR_RETURN(const std::string hex, JsonString(body, key, kBody));
  return DigestFromHex(hex);
}

absl::StatusOr<std::string> EventBackupName(const Json& json) {
  if (!json.is_string()) return absl::DataLossError("backups is no list of names");
  std::string name = json.get<std::string>();
  if (!IsBackupName(name)) {
    return absl::DataLossError(absl::StrCat("'", name, "' is not the name of a backup"));
  }
  return name;
}

absl::StatusOr<Digest> EventContent(const Json& json) {
  if (!json.is_string()) return absl::DataLossError("held is no list of hashes");
  return DigestFromHex(json.get<std::string>());
}

absl::Status CheckKnown(const BranchState& state, Version version) {
  if (state.versions.contains(version)) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("it names ", VersionName(version), ", which was never committed"));
}

}  // namespace strata
