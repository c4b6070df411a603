// Changes files so that what was reported done survives a kill or a power loss, and locks them
// between processes. The store, the run's journal and the caches write through it. The door to
// unistd and fcntl.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace strata {

// How a file ends: its size, and its last bytes (as many as one cares to compare).
struct FileEnd {
  uint64_t bytes = 0;
  std::string last;
};

// What a file system has left for this user.
struct FreeSpace {
  uint64_t bytes = 0;
  uint64_t files = 0;         // inodes
  bool counts_files = false;  // false: it makes them as it needs them
  uint64_t device = 0;        // equal on one file system
};

// The next part of a file that is written in parts; empty at its end. It need live only until the
// next is asked for.
using NextPiece = std::function<absl::StatusOr<std::string_view>()>;

// Durability: what a method reported OK has been fsynced, with the folder that names it, unless the
// method says otherwise. After a failure the file is in either state or, for a new one, cut short;
// the same file is never written again in that try.
// Errors: NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED (also a read-only file system),
// RESOURCE_EXHAUSTED (disk or quota full), UNAVAILABLE for the rest; with the path.
// Threads: any, on different paths.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  static FileSystem* Real();

  // Creates `path`, which must not exist. The folder is not fsynced: FsyncDirectory does that once
  // for many files.
  absl::Status WriteFileDurably(const std::filesystem::path& path, std::string_view bytes);
  // The same for what does not fit in memory. An error of `next` is passed on as it is.
  absl::Status WritePiecesDurably(const std::filesystem::path& path, const NextPiece& next);
  // Creates `to`, which must not exist, with the content and the time of change of `from`, no link;
  // by reference where the file system can. The folder is not fsynced.
  absl::Status CopyFileDurably(const std::filesystem::path& from, const std::filesystem::path& to);
  // Replaces the content of `path` at once by a rename: a reader sees the old or the new file.
  absl::Status ReplaceFileDurably(const std::filesystem::path& path, std::string_view bytes);
  // Creates `path` when it does not exist. With `known`: ABORTED, and nothing is written, unless
  // the file ends as it says (another process has written since).
  absl::Status AppendDurably(const std::filesystem::path& path, std::string_view bytes,
                             const FileEnd* known = nullptr);
  absl::Status TruncateDurably(const std::filesystem::path& path, uint64_t bytes,
                               const FileEnd* known = nullptr);
  absl::Status FsyncDirectory(const std::filesystem::path& folder);
  // Makes `path` and its name durable, whoever wrote it. NOT_FOUND when it does not exist.
  absl::Status FsyncFile(const std::filesystem::path& path);
  // Fsyncs the folder of `to`.
  absl::Status Rename(const std::filesystem::path& from, const std::filesystem::path& to);
  // Gives each of two paths what the other one names, at once; fsyncs their folders. UNIMPLEMENTED,
  // with nothing changed, where the file system has no such call.
  absl::Status Exchange(const std::filesystem::path& a, const std::filesystem::path& b);
  // OK when `path` does not exist.
  absl::Status RemoveTree(const std::filesystem::path& path);
  // Copies the files and folders of `from` into the new folder `to`, each as CopyFileDurably does.
  // Links and special files are left out.
  absl::Status CopyTreeDurably(const std::filesystem::path& from, const std::filesystem::path& to);
  // Points the symlink `link` at `target` at once, whether it exists or not.
  absl::Status ReplaceSymlink(const std::filesystem::path& link,
                              const std::filesystem::path& target);
  absl::Status CreateDirectories(const std::filesystem::path& folder);
  // Of the file system of `folder`, or where there is none yet, of the nearest folder above it. A
  // quota is not seen. Virtual, so that tests can have a full disk.
  virtual absl::StatusOr<FreeSpace> FreeSpaceOf(const std::filesystem::path& folder);

 protected:
  // Called before each system call that changes a file, a folder or what is durable of them
  // ("create", "open", "write", "clone", "date", "fsync", "close", "rename", "exchange", "remove",
  // "mkdir", "symlink", "truncate"), which is made only if it returns OK. Tests fail or die here.
  // Only FileLock, which keeps nothing, does without.
  virtual absl::Status Before(std::string_view operation, const std::filesystem::path& path);

 private:
  absl::Status WriteAll(int descriptor, std::string_view bytes, const std::filesystem::path& path);
  absl::Status FsyncAndClose(int descriptor, const std::filesystem::path& path);
};

// The whole file. NOT_FOUND when missing, OUT_OF_RANGE when larger than `max_bytes`.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path, uint64_t max_bytes);

// When the content of `path` changed last. NOT_FOUND when missing.
absl::StatusOr<std::chrono::system_clock::time_point> TimeOfChange(
    const std::filesystem::path& path);

// True when somebody changed `file` later than `reference`, by their times of change; false when
// either cannot be read.
bool ChangedAfter(const std::filesystem::path& file, const std::filesystem::path& reference);

// Whether this user may make files and folders in `folder`, or where there is none yet, in the
// nearest folder above it: by permissions and by how it is mounted. Tries nothing out.
bool CanMakeEntries(const std::filesystem::path& folder);

// An exclusive lock between processes on a file that is made for it; freed by the destructor or the
// end of the process. Programs started meanwhile do not inherit it.
class FileLock {
 public:
  // ABORTED "held by another process" at once.
  static absl::StatusOr<FileLock> TryAcquire(const std::filesystem::path& path);
  // ABORTED after `timeout`.
  static absl::StatusOr<FileLock> Acquire(const std::filesystem::path& path,
                                          std::chrono::milliseconds timeout);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace strata
