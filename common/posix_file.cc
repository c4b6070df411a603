#include "common/posix_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr size_t kCopyBytes = 1 << 20;
constexpr std::chrono::milliseconds kLockPoll(20);

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::StatusCode::kNotFound;
    case EEXIST:
    case ENOTEMPTY:
    case ELOOP:
      return absl::StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

absl::Status Failed(const char* what, const fs::path& path, int error) {
  return absl::Status(
      CodeOf(error), absl::StrCat("cannot ", what, " ", path.string(), ": ", std::strerror(error)));
}

fs::path FolderOf(const fs::path& path) {
  const fs::path folder = path.parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

// Closes what a failed step left open.
class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }
  int Release() { return std::exchange(descriptor_, -1); }
  bool ok() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

absl::Status CheckEnd(int descriptor, const fs::path& path, const FileEnd& known) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0) return Failed("read", path, errno);
  std::string last(known.last.size(), '\0');
  bool same = static_cast<uint64_t>(status.st_size) == known.bytes && last.size() <= known.bytes;
  if (same && !last.empty()) {
    const ssize_t got =
        pread(descriptor, last.data(), last.size(), static_cast<off_t>(known.bytes - last.size()));
    if (got < 0) return Failed("read", path, errno);
    same = static_cast<size_t>(got) == last.size() && last == known.last;
  }
  if (same) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat(path.string(), " was written by another process since it was read here (it has ",
                   status.st_size, " bytes, ", known.bytes, " were known); nothing is written"));
}

}  // namespace

FileSystem* FileSystem::Real() {
  static FileSystem real;
  return &real;
}

absl::Status FileSystem::Before(std::string_view, const fs::path&) { return absl::OkStatus(); }

absl::Status FileSystem::WriteAll(int descriptor, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    RETURN_IF_ERROR(Before("write", path));
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("write", path, errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status FileSystem::FsyncAndClose(int descriptor, const fs::path& path) {
  Descriptor owned(descriptor);
  RETURN_IF_ERROR(Before("fsync", path));
  if (fsync(descriptor) != 0) return Failed("fsync", path, errno);
  RETURN_IF_ERROR(Before("close", path));
  if (close(owned.Release()) != 0) return Failed("close", path, errno);
  return absl::OkStatus();
}

absl::Status FileSystem::WritePiecesDurably(const fs::path& path, const NextPiece& next) {
  RETURN_IF_ERROR(Before("create", path));
  Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file.ok()) return Failed("create", path, errno);
  while (true) {
    ASSIGN_OR_RETURN(const std::string_view piece, next());
    if (piece.empty()) break;
    RETURN_IF_ERROR(WriteAll(file.get(), piece, path));
  }
  return FsyncAndClose(file.Release(), path);
}

absl::Status FileSystem::WriteFileDurably(const fs::path& path, std::string_view bytes) {
  return WritePiecesDurably(path, [&] { return std::exchange(bytes, std::string_view()); });
}

absl::Status FileSystem::ReplaceFileDurably(const fs::path& path, std::string_view bytes) {
  fs::path fresh = path;
  fresh += absl::StrCat(".", getpid(), ".new");
  RETURN_IF_ERROR(RemoveTree(fresh));
  absl::Status written = WriteFileDurably(fresh, bytes);
  if (written.ok()) written = Rename(fresh, path);
  if (!written.ok()) RemoveTree(fresh).IgnoreError();
  return written;
}

absl::Status FileSystem::AppendDurably(const fs::path& path, std::string_view bytes,
                                       const FileEnd* known) {
  std::error_code ignored;
  const bool is_new = !fs::exists(path, ignored);
  if (is_new && known != nullptr && known->bytes > 0) return Failed("append to", path, ENOENT);
  RETURN_IF_ERROR(Before(is_new ? "create" : "open", path));
  Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.ok()) return Failed("append to", path, errno);
  if (known != nullptr) RETURN_IF_ERROR(CheckEnd(file.get(), path, *known));
  RETURN_IF_ERROR(WriteAll(file.get(), bytes, path));
  RETURN_IF_ERROR(FsyncAndClose(file.Release(), path));
  return is_new ? FsyncDirectory(FolderOf(path)) : absl::OkStatus();
}

absl::Status FileSystem::TruncateDurably(const fs::path& path, uint64_t bytes,
                                         const FileEnd* known) {
  Descriptor file(open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!file.ok()) return Failed("open", path, errno);
  if (known != nullptr) RETURN_IF_ERROR(CheckEnd(file.get(), path, *known));
  RETURN_IF_ERROR(Before("truncate", path));
  if (ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) return Failed("cut", path, errno);
  return FsyncAndClose(file.Release(), path);
}

absl::Status FileSystem::FsyncDirectory(const fs::path& folder) {
  Descriptor opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.ok()) return Failed("open", folder, errno);
  RETURN_IF_ERROR(Before("fsync", folder));
  if (fsync(opened.get()) != 0) return Failed("fsync", folder, errno);
  return absl::OkStatus();
}

absl::Status FileSystem::FsyncFile(const fs::path& path) {
  Descriptor opened(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!opened.ok()) return Failed("open", path, errno);
  RETURN_IF_ERROR(FsyncAndClose(opened.Release(), path));
  return FsyncDirectory(FolderOf(path));
}

absl::Status FileSystem::Rename(const fs::path& from, const fs::path& to) {
  RETURN_IF_ERROR(Before("rename", to));
  if (rename(from.c_str(), to.c_str()) != 0) return Failed("rename to", to, errno);
  return FsyncDirectory(FolderOf(to));
}

absl::Status FileSystem::Exchange(const fs::path& a, const fs::path& b) {
  RETURN_IF_ERROR(Before("exchange", b));
  if (renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) != 0) {
    const int error = errno;
    if (error != EINVAL && error != ENOSYS && error != ENOTSUP) return Failed("exchange", b, error);
    return absl::UnimplementedError(
        absl::StrCat("the file system of ", b.string(), " cannot exchange two names at once"));
  }
  RETURN_IF_ERROR(FsyncDirectory(FolderOf(b)));
  return FolderOf(a) == FolderOf(b) ? absl::OkStatus() : FsyncDirectory(FolderOf(a));
}

absl::Status FileSystem::RemoveTree(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::not_found) return absl::OkStatus();
  if (status.type() == fs::file_type::directory) {
    for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
      RETURN_IF_ERROR(RemoveTree(at->path()));
    }
    if (error) return Failed("list", path, error.value());
  }
  RETURN_IF_ERROR(Before("remove", path));
  fs::remove(path, error);
  if (error) return Failed("remove", path, error.value());
  return absl::OkStatus();
}

absl::Status FileSystem::CopyFileDurably(const fs::path& from, const fs::path& to) {
  Descriptor source(open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!source.ok() || fstat(source.get(), &status) != 0) return Failed("read", from, errno);
  RETURN_IF_ERROR(Before("create", to));
  Descriptor target(open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!target.ok()) return Failed("create", to, errno);
  RETURN_IF_ERROR(Before("clone", to));
  if (ioctl(target.get(), FICLONE, source.get()) != 0) {
    std::vector<char> buffer(
        std::clamp<size_t>(static_cast<size_t>(status.st_size), 1, kCopyBytes));
    while (true) {
      const ssize_t got = read(source.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Failed("read", from, errno);
      if (got == 0) break;
      RETURN_IF_ERROR(WriteAll(target.get(), {buffer.data(), static_cast<size_t>(got)}, to));
    }
  }
  RETURN_IF_ERROR(Before("date", to));
  const timespec times[2] = {status.st_mtim, status.st_mtim};
  if (futimens(target.get(), times) != 0) return Failed("date", to, errno);
  return FsyncAndClose(target.Release(), to);
}

absl::Status FileSystem::CopyTreeDurably(const fs::path& from, const fs::path& to) {
  RETURN_IF_ERROR(Before("mkdir", to));
  if (mkdir(to.c_str(), 0755) != 0) return Failed("create", to, errno);
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  for (fs::directory_iterator at(from, error), end; !error && at != end; at.increment(error)) {
    entries.push_back(*at);
  }
  if (error) return Failed("list", from, error.value());
  std::sort(entries.begin(), entries.end());
  for (const fs::directory_entry& entry : entries) {
    const fs::path target = to / entry.path().filename();
    const fs::file_type type = entry.symlink_status(error).type();
    if (type == fs::file_type::regular) RETURN_IF_ERROR(CopyFileDurably(entry.path(), target));
    if (type == fs::file_type::directory) RETURN_IF_ERROR(CopyTreeDurably(entry.path(), target));
  }
  return FsyncDirectory(to);
}

absl::Status FileSystem::ReplaceSymlink(const fs::path& link, const fs::path& target) {
  fs::path fresh = link.parent_path() / absl::StrCat(".", link.filename().string(), ".new");
  RETURN_IF_ERROR(RemoveTree(fresh));
  RETURN_IF_ERROR(Before("symlink", link));
  if (symlink(target.c_str(), fresh.c_str()) != 0) return Failed("create", fresh, errno);
  return Rename(fresh, link);
}

absl::Status FileSystem::CreateDirectories(const fs::path& folder) {
  std::error_code error;
  if (folder.empty() || fs::is_directory(folder, error)) return absl::OkStatus();
  if (folder.filename().empty()) return CreateDirectories(folder.parent_path());
  RETURN_IF_ERROR(CreateDirectories(folder.parent_path()));
  RETURN_IF_ERROR(Before("mkdir", folder));
  if (mkdir(folder.c_str(), 0755) != 0) {
    const int reason = errno;  // EEXIST is no error when another process made the folder
    if (!fs::is_directory(folder, error)) return Failed("create", folder, reason);
  }
  return FsyncDirectory(FolderOf(folder));
}

absl::StatusOr<FreeSpace> FileSystem::FreeSpaceOf(const fs::path& folder) {
  std::error_code error;
  fs::path nearest = fs::absolute(folder, error);
  while (!fs::exists(nearest, error) && nearest.has_relative_path())
    nearest = nearest.parent_path();
  struct statvfs free {};
  struct stat status {};
  if (statvfs(nearest.c_str(), &free) != 0 || stat(nearest.c_str(), &status) != 0)
    return Failed("ask for the free space of", nearest, errno);
  return FreeSpace{static_cast<uint64_t>(free.f_bavail) * free.f_frsize, free.f_favail,
                   free.f_files > 0, status.st_dev};
}

absl::StatusOr<std::string> ReadFile(const fs::path& path, uint64_t max_bytes) {
  // A pipe is refused, not waited for.
  Descriptor file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file.ok() || fstat(file.get(), &status) != 0) return Failed("read", path, errno);
  if (!S_ISREG(status.st_mode)) return Failed("read", path, EISDIR);
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size > max_bytes) {
    return absl::OutOfRangeError(
        absl::StrCat(path.string(), " has ", size, " bytes; at most ", max_bytes, " are read"));
  }
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t got = read(file.get(), bytes.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", path, errno);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

absl::StatusOr<std::chrono::system_clock::time_point> TimeOfChange(const fs::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return Failed("read", path, errno);
  return std::chrono::system_clock::from_time_t(status.st_mtim.tv_sec);
}

bool ChangedAfter(const fs::path& file, const fs::path& reference) {
  struct stat a {
  }, b{};
  if (lstat(file.c_str(), &a) != 0 || lstat(reference.c_str(), &b) != 0) return false;
  return std::pair(a.st_mtim.tv_sec, a.st_mtim.tv_nsec) >
         std::pair(b.st_mtim.tv_sec, b.st_mtim.tv_nsec);
}

bool CanMakeEntries(const fs::path& folder) {
  fs::path nearest = folder;
  std::error_code error;
  while (!fs::exists(nearest, error) && nearest.has_relative_path())
    nearest = nearest.parent_path();
  return access(nearest.c_str(), W_OK | X_OK) == 0;
}

absl::StatusOr<FileLock> FileLock::TryAcquire(const fs::path& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (descriptor < 0) return Failed("open the lock", path, errno);
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return FileLock(descriptor);
  const int error = errno;
  close(descriptor);
  if (error != EWOULDBLOCK) return Failed("lock", path, error);
  return absl::AbortedError(absl::StrCat(path.string(), " is held by another process"));
}

absl::StatusOr<FileLock> FileLock::Acquire(const fs::path& path,
                                           std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    absl::StatusOr<FileLock> lock = TryAcquire(path);
    if (lock.ok() || !absl::IsAborted(lock.status())) return lock;
    if (std::chrono::steady_clock::now() >= deadline) return lock;
    std::this_thread::sleep_for(kLockPoll);
  }
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

}  // namespace strata
