#include "coordinator/store/writable.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/store/adoption.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProbe = "strata tries whether it can write here\n";

absl::Status Before(const fs::path& folder, const absl::Status& failed) {
  return absl::Status(failed.code(),
                      absl::StrCat("a training could not be committed: ", failed.message(),
                                   "; make ", folder.string(), " writable and train again"));
}

// A server that reads the folder as another user would lose the adapter at the next rotation.
absl::Status CheckReadersKeepReading(const fs::path& folder, const fs::path& probe) {
  constexpr fs::perms kOthers = fs::perms::group_read | fs::perms::others_read;
  std::error_code error;
  const fs::perms open = fs::status(folder, error).permissions() & kOthers;
  const fs::perms made = fs::status(probe, error).permissions();
  if (error || (open & ~made) == fs::perms::none) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(
      "by this process's umask new files cannot be read by those who read ", folder.string(),
      " now; set umask 022, or close the folder to them (chmod go-rwx)"));
}

absl::Status TryFolder(const fs::path& folder, FileSystem* files) {
  const fs::path probe = folder / absl::StrCat(".probe-", RandomHex(4));
  absl::Status tried = files->CreateDirectories(folder);
  if (tried.ok()) tried = files->WriteFileDurably(probe, kProbe);
  if (tried.ok()) tried = CheckReadersKeepReading(folder, probe);
  const absl::Status removed = files->RemoveTree(probe);
  if (tried.ok()) tried = removed;
  return tried.ok() ? tried : Before(folder, tried);
}

// The ledger is appended to in place: through a planted link that would be another's file.
absl::Status TryLedger(const fs::path& ledger) {
  std::error_code error;
  const fs::file_type type = fs::symlink_status(ledger, error).type();
  if (type == fs::file_type::not_found || type == fs::file_type::regular) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat(
      ledger.string(), " is no regular file, so nothing can be committed; move it away"));
}

absl::Status TryLink(const fs::path& link) {
  std::error_code error;
  const fs::file_type type = fs::symlink_status(link, error).type();
  if (type == fs::file_type::not_found || type == fs::file_type::symlink) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat(link.string(), " is no link of strata's, so nothing can be made current; ",
                   fs::exists(link / "adapter_config.json", error)
                       ? "it is an adapter of the layout before strata's: take all of it over with "
                         "strata adopt"
                       : "move it away"));
}

}  // namespace

absl::Status CheckWritable(const fs::path& adapters, FileSystem* files) {
  if (IsBetweenLayouts(adapters)) {
    return absl::AlreadyExistsError(absl::StrCat("an adoption of ", adapters.string(),
                                                 " was cut short; run strata adopt to finish it"));
  }
  RETURN_IF_ERROR(TryLedger(adapters / "ledger.jsonl"));
  RETURN_IF_ERROR(TryLink(adapters / "current"));
  RETURN_IF_ERROR(TryLink(adapters / "previous"));
  for (const fs::path& folder : {adapters, adapters / "versions", adapters / "backups"}) {
    RETURN_IF_ERROR(TryFolder(folder, files));
  }
  return absl::OkStatus();
}

}  // namespace strata
