// Makes a folder that gets its name only once it is whole. Exports are written through it.
//
// Durability: the files are written into `.NAME.incoming` beside the folder, each fsynced, and the
// whole is renamed. A try that fails removes what it wrote; one that is killed leaves it, and the
// next try for the same folder removes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/posix_file.h"
#include "common/sha256.h"

namespace strata {

class ExportFolder {
 public:
  // `bytes` are about to be written. ALREADY_EXISTS when `folder` is there and not an empty folder,
  // or cannot be renamed to; RESOURCE_EXHAUSTED when the disk has less than `bytes` left; ABORTED
  // when another process is writing it. Nothing but its parent folders is left behind then.
  static absl::StatusOr<ExportFolder> Begin(const std::filesystem::path& folder, uint64_t bytes,
                                            FileSystem* files);
  ~ExportFolder();
  ExportFolder(ExportFolder&& other) noexcept;

  // The files must be new. Copy follows links; with `expected`, DATA_LOSS unless the copy, read
  // back, has that hash.
  absl::Status Copy(const std::filesystem::path& from, const std::string& name,
                    const std::optional<Digest>& expected = std::nullopt);
  absl::Status Write(const std::string& name, std::string_view bytes);
  // Where a file is to be written by other means, durably.
  std::filesystem::path PathOf(const std::string& name) const { return incoming_ / name; }

  // Gives the folder its name. Call it once, last.
  absl::Status Finish();
  // Where the folder is, or will be: absolute.
  const std::filesystem::path& folder() const { return folder_; }

 private:
  ExportFolder(std::filesystem::path folder, FileSystem* files);
  absl::Status MakeIncoming();
  absl::Status CheckRename();
  std::filesystem::path folder_, incoming_;
  FileSystem* files_;
  std::optional<FileLock> lock_;  // held while incoming_ is this process's
};

}  // namespace strata
