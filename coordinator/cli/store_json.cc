#include "coordinator/cli/store_json.h"

#include "absl/strings/str_cat.h"

namespace strata {

Json NameOrNull(Version version) {
  return version.value() != 0 ? Json(VersionName(version)) : Json();
}

Json BackupsToJson(const std::vector<BackupInfo>& backups) {
  Json list = Json::array();
  for (const BackupInfo& backup : backups) {
    list.push_back({{"name", backup.name}, {"version", NameOrNull(backup.version)}});
  }
  return list;
}

std::string FellBackText(const FallBackRecord& fell_back) {
  return absl::StrCat(VersionName(fell_back.to), " serves since ", fell_back.time,
                      " in the place of ", VersionName(fell_back.from),
                      ", of which no copy was whole; what only that one had learnt is pending: "
                      "strata train");
}

}  // namespace strata
