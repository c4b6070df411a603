#include "coordinator/export/export_folder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/folder_path.h"
#include "common/status_macros.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr char kLock[] = ".lock";

fs::path Normal(const fs::path& folder) { return FolderPath(fs::absolute(folder)); }

absl::Status CheckFree(const fs::path& folder) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(folder, error);
  if (status.type() == fs::file_type::not_found) return absl::OkStatus();
  if (status.type() == fs::file_type::directory && fs::is_empty(folder, error))
    return absl::OkStatus();
  const bool is_folder = status.type() == fs::file_type::directory;
  return absl::AlreadyExistsError(absl::StrCat(
      folder.string(), is_folder ? " exists and is not empty" : " exists and is no folder",
      "; name a new one: an export never writes over anything"));
}

absl::Status CheckSpace(const fs::path& parent, uint64_t bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(parent, error);
  if (error || space.available >= bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrFormat(
      "the export needs %.1f MB, %s has %.1f MB left; name a folder on another disk, or make room",
      static_cast<double>(bytes) / 1e6, parent.string(),
      static_cast<double>(space.available) / 1e6));
}

}  // namespace

ExportFolder::ExportFolder(fs::path folder, FileSystem* files)
    : folder_(std::move(folder)),
      incoming_(folder_.parent_path() /
                absl::StrCat(".", folder_.filename().string(), ".incoming")),
      files_(files) {}

ExportFolder::ExportFolder(ExportFolder&& other) noexcept
    : folder_(std::move(other.folder_)),
      incoming_(std::move(other.incoming_)),
      files_(other.files_),
      lock_(std::exchange(other.lock_, std::nullopt)) {}

ExportFolder::~ExportFolder() {
  if (lock_) files_->RemoveTree(incoming_).IgnoreError();
}

absl::StatusOr<ExportFolder> ExportFolder::Begin(const fs::path& folder, uint64_t bytes,
                                                 FileSystem* files) {
  ExportFolder made(Normal(folder), files);
  RETURN_IF_ERROR(CheckFree(made.folder_));
  RETURN_IF_ERROR(files->CreateDirectories(made.folder_.parent_path()));
  RETURN_IF_ERROR(made.MakeIncoming());
  RETURN_IF_ERROR(CheckSpace(made.folder_.parent_path(), bytes));
  RETURN_IF_ERROR(made.CheckRename());
  return made;
}

absl::Status ExportFolder::MakeIncoming() {
  std::error_code error;
  if (const absl::Status created = files_->CreateDirectories(incoming_); !created.ok()) {
    fs::remove(incoming_, error);  // if it is empty, and so nobody's
    return created;
  }
  absl::StatusOr<FileLock> lock = FileLock::TryAcquire(incoming_ / kLock);
  if (absl::IsAborted(lock.status())) {
    return absl::AbortedError(
        absl::StrCat("another strata export is writing ", folder_.string(), "; wait for it"));
  }
  RETURN_IF_ERROR(lock.status());
  lock_ = *std::move(lock);
  // What a killed try left.
  for (fs::directory_iterator at(incoming_, error), end; !error && at != end; at.increment(error)) {
    if (at->path().filename() != kLock) RETURN_IF_ERROR(files_->RemoveTree(at->path()));
  }
  return absl::OkStatus();
}

// A folder that is there already may be what nothing can be renamed to: a mount point. That is
// found by a rename before the work, not after it.
absl::Status ExportFolder::CheckRename() {
  std::error_code error;
  if (!fs::exists(folder_, error)) return absl::OkStatus();
  const fs::path probe = incoming_ / ".probe";
  RETURN_IF_ERROR(files_->CreateDirectories(probe));
  const absl::Status renamed = files_->Rename(probe, folder_);
  if (renamed.ok()) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat("an export cannot take the place of ",
                                               folder_.string(), " (", renamed.message(),
                                               "); name a new folder inside it"));
}

absl::Status ExportFolder::Copy(const fs::path& from, const std::string& name,
                                const std::optional<Digest>& expected) {
  std::error_code error;
  const fs::path file = fs::canonical(from, error);
  RETURN_IF_ERROR(files_->CopyFileDurably(error ? from : file, PathOf(name)));
  if (!expected) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Digest copied, Sha256OfFile(PathOf(name)));
  if (copied == *expected) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(from.string(),
                                          " was copied with other bytes than were "
                                          "committed; strata verify looks closer"));
}

absl::Status ExportFolder::Write(const std::string& name, std::string_view bytes) {
  return files_->WriteFileDurably(PathOf(name), bytes);
}

absl::Status ExportFolder::Finish() {
  RETURN_IF_ERROR(files_->FsyncDirectory(incoming_));
  RETURN_IF_ERROR(files_->Rename(incoming_, folder_));
  lock_.reset();
  // Not before: whoever found no lock would take the files for what a killed try left.
  RETURN_IF_ERROR(files_->RemoveTree(folder_ / kLock));
  return files_->FsyncDirectory(folder_);
}

}  // namespace strata
