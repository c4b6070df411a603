// Keeps the links beside the ledger: `current`, `previous` and the pins, which are names that a
// user gives to versions that must stay. BranchWriter's state says where they lead; rotation mends
// them through here.
//
// Model: a pin is made and ended by events of the ledger and mirrored by a link. A link that the
// ledger does not know and that leads to a version is one made by hand: it keeps its version as a
// pin does, and is never touched.
// Durability: each function may be killed anywhere and called again. Of a pin's name, only a link
// is ever replaced or removed, never a file or a folder.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "coordinator/store/branch_writer.h"

namespace strata {

// By name, the links made by hand and the versions that they lead to.
std::map<std::string, Version> LinksByHand(const std::filesystem::path& adapters,
                                           const BranchState& state);

// OK when `pin` may be given to `version`: it is free, or leads there already. INVALID_ARGUMENT for
// a name that no pin may have, ALREADY_EXISTS when something else is called so.
absl::Status CheckPinIsFree(const BranchWriter& writer, const std::string& pin, Version version);

// Points the links where the ledger says, as far as the versions are there, and removes those of
// pins that were ended.
absl::Status MendLinks(BranchWriter* writer, const std::string& time);

}  // namespace strata
