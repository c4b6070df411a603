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

absl::Status TryFolder(const fs::path& folder, FileSystem* files) {
  const fs::path probe = folder / absl::StrCat(".probe-", RandomHex(4));
  absl::Status tried = files->CreateDirectories(folder);
  if (tried.ok()) tried = files->WriteFileDurably(probe, kProbe);
  const absl::Status removed = files->RemoveTree(probe);
  if (tried.ok()) tried = removed;
  return tried.ok() ? tried : Before(folder, tried);
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
  RETURN_IF_ERROR(TryLink(adapters / "current"));
  RETURN_IF_ERROR(TryLink(adapters / "previous"));
  for (const fs::path& folder : {adapters, adapters / "versions", adapters / "backups"}) {
    RETURN_IF_ERROR(TryFolder(folder, files));
  }
  return absl::OkStatus();
}

}  // namespace strata
