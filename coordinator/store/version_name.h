// Finds the version that a user names: current, previous, a pin, a number, a backup, a link made by
// hand. Takes a BranchState; BranchStore's Find, Pin and Restore all go by it.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/store/branch_state.h"

namespace strata {

struct NamedVersion {
  Version version;
  std::string backup;  // "" unless a backup was named
};

// A number is taken with or without its zeros (v0003, v3). NOT_FOUND for a name that means nothing
// here. Reads no folder, but for links made by hand.
absl::StatusOr<NamedVersion> VersionNamed(const std::filesystem::path& adapters,
                                          const BranchState& state, const std::string& name);

}  // namespace strata
