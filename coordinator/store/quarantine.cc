#include "coordinator/store/quarantine.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

// "2025-10-31T10:40:42Z" as "20251031_104042".
std::string CompactOf(const std::string& iso) {
  std::string compact;
  for (const char c : iso) {
    if (c >= '0' && c <= '9') compact += c;
    if (c == 'T') compact += '_';
  }
  return compact;
}

}  // namespace

bool IsNamed(const fs::path& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type() != fs::file_type::not_found;
}

Quarantine::Quarantine(FileSystem* files, const fs::path& beside, const std::string& time)
    : files_(files), folder_(beside / "quarantine"), moment_(CompactOf(time)) {}

fs::path Quarantine::PlaceFor(const fs::path& path) const {
  const std::string name = absl::StrCat(path.filename().string(), "_", moment_);
  fs::path place = folder_ / name;
  for (int i = 2; IsNamed(place); ++i) place = folder_ / absl::StrCat(name, "_", i);
  return place;
}

absl::StatusOr<fs::path> Quarantine::Take(const fs::path& path) const {
  if (!IsNamed(path)) return fs::path();
  RETURN_IF_ERROR(files_->CreateDirectories(folder_));
  const fs::path place = PlaceFor(path);
  RETURN_IF_ERROR(files_->Rename(path, place));
  RETURN_IF_ERROR(files_->FsyncDirectory(path.parent_path()));
  return place;
}

absl::StatusOr<fs::path> Quarantine::Replace(const fs::path& path, const fs::path& whole) const {
  fs::path place;
  if (IsNamed(path)) {
    place = PlaceFor(path);
    RETURN_IF_ERROR(files_->CreateDirectories(folder_));
    // Through the place in quarantine, so that a kill leaves there a whole copy too many, and never
    // the damaged one under a name that is cleared away.
    RETURN_IF_ERROR(files_->Rename(whole, place));
    const absl::Status exchanged = files_->Exchange(path, place);
    if (!absl::IsUnimplemented(exchanged)) {
      RETURN_IF_ERROR(exchanged);
      return place;
    }
    RETURN_IF_ERROR(files_->Rename(place, whole));
    RETURN_IF_ERROR(files_->Rename(path, place));
  }
  RETURN_IF_ERROR(files_->Rename(whole, path));
  return place;
}

absl::StatusOr<fs::path> Quarantine::TakeCopy(const fs::path& path) const {
  if (!IsNamed(path)) return fs::path();
  RETURN_IF_ERROR(files_->CreateDirectories(folder_));
  const fs::path place = PlaceFor(path);
  RETURN_IF_ERROR(files_->CopyFileDurably(path, place));
  RETURN_IF_ERROR(files_->FsyncDirectory(folder_));
  return place;
}

}  // namespace strata
