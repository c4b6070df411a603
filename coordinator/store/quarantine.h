// Moves what is damaged out of the way of a whole copy, and never deletes it. Healing, falling back
// and the rebuilding of a ledger put things there.
//
// Model: one folder, `quarantine`, beside the ledger (of a mirror: in the branch's part of it). A
// name there is what it was called and when it was moved, in UTC: v0003_20251031_104042, with _2
// and so on where that is taken. Nothing of strata reads it or takes it away; it is the user's to
// look into and to delete.
// Durability: the name here is durable before Take returns, and so is that the other one is gone.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "common/posix_file.h"

namespace strata {

class Quarantine {
 public:
  // `beside`: the folder that has, or gets, the folder `quarantine`. `time`: ISO 8601, UTC.
  Quarantine(FileSystem* files, const std::filesystem::path& beside, const std::string& time);

  // Moves `path`, a file, a folder or a link, and gives where it lies now; "" = there was none.
  absl::StatusOr<std::filesystem::path> Take(const std::filesystem::path& path) const;
  // Gives the folder `whole` the name `path` and moves what was called so; gives where that lies
  // now,
  // "" = there was none. Both at once where the file system can exchange two names: `path` names
  // something at every instant then.
  absl::StatusOr<std::filesystem::path> Replace(const std::filesystem::path& path,
                                                const std::filesystem::path& whole) const;
  // Copies the file `path` there, which stays; "" = there was none.
  absl::StatusOr<std::filesystem::path> TakeCopy(const std::filesystem::path& path) const;
  // Where Take and TakeCopy would put `path` now.
  std::filesystem::path PlaceFor(const std::filesystem::path& path) const;
  FileSystem* files() const { return files_; }

 private:
  FileSystem* files_;
  std::filesystem::path folder_;
  std::string moment_;
};

// Whether anything is named `path`, a dangling link too.
bool IsNamed(const std::filesystem::path& path);

}  // namespace strata
