#include "coordinator/store/version_name.h"

#include "absl/strings/str_cat.h"
#include "coordinator/store/branch_writer.h"

namespace strata {

namespace fs = std::filesystem;

absl::StatusOr<NamedVersion> VersionNamed(const fs::path& adapters, const BranchState& state,
                                          const std::string& name) {
  if (name == "current" && state.current != Version()) return NamedVersion{state.current, ""};
  if (name == "previous" && state.previous != Version()) return NamedVersion{state.previous, ""};
  if (const auto pin = state.pins.find(name); pin != state.pins.end())
    return NamedVersion{pin->second, ""};
  for (const auto& [version, commit] : state.versions) {
    if (VersionName(version) == name || absl::StrCat("v", version.value()) == name)
      return NamedVersion{version, ""};
  }
  for (const BackupRecord& backup : state.backups) {
    if (backup.name == name) return NamedVersion{backup.version, name};
  }
  if (!name.empty() && fs::path(name).filename() == name) {
    const Version pinned = VersionOfLink(adapters, adapters / name);
    if (state.versions.contains(pinned)) return NamedVersion{pinned, ""};
  }
  return absl::NotFoundError(absl::StrCat("there is no version, backup or pin named '", name,
                                          "'; `strata backups` lists what there is"));
}

}  // namespace strata
