// Tries out whether a branch's adapters can be committed, before anything is trained for it.
#pragma once

#include <filesystem>

#include "absl/status/status.h"
#include "common/posix_file.h"

namespace strata {

// Makes and removes a file where a commit will write, and looks at what stands where its links and
// its ledger go. PERMISSION_DENIED also where the umask would take the adapters from those who can
// read the folders now.
// An adoption that was cut short comes first.
// PERMISSION_DENIED, RESOURCE_EXHAUSTED or ALREADY_EXISTS with the path and what to do.
absl::Status CheckWritable(const std::filesystem::path& adapters, FileSystem* files);

}  // namespace strata
