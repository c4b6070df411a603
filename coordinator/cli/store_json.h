// Says what a store holds as JSON, and what a user may do about its findings. Used by the commands
// that show it: status, backups, restore, verify.
#pragma once

#include <string>
#include <vector>

#include "common/json.h"
#include "coordinator/store/branch_store.h"

namespace strata {

// What a user may do about a finding.
inline constexpr char kMends[] =
    "the next strata train or restore finishes what a kill left undone; strata verify --repair "
    "heals "
    "what a whole copy is left of, and says what it gives up";

Json NameOrNull(Version version);  // "v0003"
Json BackupsToJson(const std::vector<BackupInfo>& backups);
// "v0002 serves since …, in the place of v0003, …".
std::string FellBackText(const FallBackRecord& fell_back);

}  // namespace strata
