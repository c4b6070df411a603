#include "coordinator/store/links.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/copies.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

bool IsLink(const fs::path& path) {
  std::error_code error;
  return fs::is_symlink(fs::symlink_status(path, error));
}

absl::Status RemoveLink(BranchWriter* writer, const fs::path& link) {
  if (!IsLink(link)) return absl::OkStatus();
  RETURN_IF_ERROR(writer->files()->RemoveTree(link));
  return writer->files()->FsyncDirectory(writer->adapters());
}

absl::Status MendLink(BranchWriter* writer, const std::string& name, Version version) {
  const fs::path link = writer->adapters() / name;
  if (version == Version()) return RemoveLink(writer, link);
  if (!IsNamed(VersionPath(writer->adapters(), version))) return absl::OkStatus();
  if (IsNamed(link) && !IsLink(link)) {
    return absl::AlreadyExistsError(absl::StrCat(link.string(),
                                                 " is no link of strata's, so it cannot lead to ",
                                                 VersionName(version), "; move it away"));
  }
  const fs::path target = fs::path("versions") / VersionName(version);
  std::error_code error;
  if (fs::read_symlink(link, error) == target && !error) return absl::OkStatus();
  return writer->files()->ReplaceSymlink(link, target);
}

// A name that was pinned to `version` may by now be a link of the user's own to somewhere else.
absl::Status FinishUnpinning(BranchWriter* writer, const std::string& time) {
  const std::map<std::string, Version> unpinning = writer->state().unpinning;
  for (const auto& [pin, version] : unpinning) {
    const fs::path link = writer->adapters() / pin;
    if (VersionOfLink(writer->adapters(), link) == version) {
      RETURN_IF_ERROR(RemoveLink(writer, link));
    }
    RETURN_IF_ERROR(writer->Record("unpinned", time, UnpinBody(pin)));
  }
  return absl::OkStatus();
}

}  // namespace

std::map<std::string, Version> LinksByHand(const fs::path& adapters, const BranchState& state) {
  std::map<std::string, Version> links;
  std::error_code error;
  for (fs::directory_iterator at(adapters, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    const bool ours = name == "current" || name == "previous" || state.pins.contains(name) ||
                      state.unpinning.contains(name);
    const Version version = ours ? Version() : VersionOfLink(adapters, at->path());
    if (version != Version()) links[name] = version;
  }
  return links;
}

absl::Status CheckPinIsFree(const BranchWriter& writer, const std::string& pin, Version version) {
  RETURN_IF_ERROR(CheckPinName(pin));
  const auto taken = writer.state().pins.find(pin);
  if (taken != writer.state().pins.end() && taken->second != version) {
    return absl::AlreadyExistsError(absl::StrCat(pin, " is pinned to ", VersionName(taken->second),
                                                 "; `strata unpin ", pin,
                                                 "` frees the name, and that version with it"));
  }
  const fs::path path = writer.adapters() / pin;
  if (!IsNamed(path)) return absl::OkStatus();
  if (!IsLink(path)) {
    return absl::AlreadyExistsError(absl::StrCat(
        path.string(), " is no link of strata's; choose another name, or move it away"));
  }
  const Version led = VersionOfLink(writer.adapters(), path);
  if (led == version || taken != writer.state().pins.end()) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat(path.string(), " is a link made by hand to ",
                   led != Version() ? VersionName(led) : "somewhere else",
                   "; choose another name, or remove it"));
}

absl::Status MendLinks(BranchWriter* writer, const std::string& time) {
  RETURN_IF_ERROR(MendLink(writer, "previous", writer->state().previous));
  RETURN_IF_ERROR(MendLink(writer, "current", writer->state().current));
  for (const auto& [pin, version] : writer->state().pins) {
    const fs::path link = writer->adapters() / pin;
    // What a user has put in its place is theirs, and keeps nobody from training.
    if (IsNamed(link) && !IsLink(link)) continue;
    RETURN_IF_ERROR(MendLink(writer, pin, version));
  }
  return FinishUnpinning(writer, time);
}

}  // namespace strata
