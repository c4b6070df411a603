#include "coordinator/store/mirror.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/copies.h"
#include "coordinator/store/links.h"
#include "coordinator/store/room.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

std::set<Version> Mirrored(const fs::path& adapters, const BranchState& state) {
  std::set<Version> mirrored = {state.current, state.previous};
  for (const auto& [pin, version] : state.pins) mirrored.insert(version);
  for (const auto& [link, version] : LinksByHand(adapters, state)) {
    if (state.versions.contains(version)) mirrored.insert(version);
  }
  for (const BackupRecord& backup : state.backups) mirrored.insert(backup.version);
  for (const auto& [version, commit] : state.versions) {
    if (commit.parked) mirrored.insert(version);
  }
  mirrored.erase(Version());
  return mirrored;
}

fs::path PathOf(const BranchWriter& writer, Version version) {
  return MirrorPath(writer.places().mirror, version,
                    writer.state().versions.at(version).manifest_sha256);
}

// Nothing but what is called as a copy of a version of this ledger is touched.
absl::Status Discard(BranchWriter* writer, const std::set<Version>& kept) {
  const fs::path& mirror = writer->places().mirror;
  for (const auto& [version, commit] : writer->state().versions) {
    const fs::path path = PathOf(*writer, version);
    RETURN_IF_ERROR(
        writer->files()->RemoveTree(mirror / (".incoming-" + path.filename().string())));
    if (kept.contains(version) || writer->state().lost.contains(version)) continue;
    RETURN_IF_ERROR(writer->files()->RemoveTree(path));
  }
  return absl::OkStatus();
}

// False where no whole source of it is left.
absl::StatusOr<bool> CopyVersion(BranchWriter* writer, Version version, const std::string& time) {
  const fs::path& mirror = writer->places().mirror;
  const Digest& manifest = writer->state().versions.at(version).manifest_sha256;
  const std::optional<fs::path> from =
      WholeCopyOf({writer->adapters(), ""}, writer->state(), version);
  if (!from) return false;
  RoomNeed need = RoomForVersion(mirror, BytesIn(*from), 0);
  need.what = absl::StrCat("a copy of ", VersionName(version), " in the mirror");
  RETURN_IF_ERROR(CheckRoom({need}, writer->files()));
  RETURN_IF_ERROR(
      PutCopy(*from, PathOf(*writer, version), manifest, Quarantine(writer->files(), mirror, time))
          .status());
  return true;
}

}  // namespace

absl::Status CheckMirrorIsThere(const BranchPlaces& places) {
  const fs::path folder = places.mirror.parent_path();
  std::error_code error;
  if (places.mirror.empty() || fs::is_directory(folder, error)) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      folder.string(), " is no folder; mount its disk, make it, or change backup_mirror"));
}

absl::StatusOr<std::vector<Version>> UpdateMirror(BranchWriter* writer, FolderCheck depth,
                                                  const std::string& time) {
  std::vector<Version> copied;
  const fs::path& mirror = writer->places().mirror;
  if (mirror.empty()) return copied;
  RETURN_IF_ERROR(CheckMirrorIsThere(writer->places()));
  const std::set<Version> kept = Mirrored(writer->adapters(), writer->state());
  if (kept.empty()) return copied;
  RETURN_IF_ERROR(writer->files()->CreateDirectories(mirror));
  // What another writer has renamed there and not made durable.
  RETURN_IF_ERROR(writer->files()->FsyncDirectory(mirror));
  for (const Version version : kept) {
    const Digest& manifest = writer->state().versions.at(version).manifest_sha256;
    if (CheckFolder(PathOf(*writer, version), manifest, depth).empty()) continue;
    ASSIGN_OR_RETURN(const bool done, CopyVersion(writer, version, time));
    if (done) copied.push_back(version);
  }
  RETURN_IF_ERROR(Discard(writer, kept));
  return copied;
}

std::vector<std::string> MirrorFindings(const BranchPlaces& places, const BranchState& state,
                                        FolderCheck depth) {
  if (places.mirror.empty()) return {};
  const std::set<Version> kept = Mirrored(places.adapters, state);
  if (const absl::Status there = CheckMirrorIsThere(places); !there.ok() && !kept.empty())
    return {MirrorIsBehind(places, there)};
  std::vector<std::string> findings;
  for (const Version version : kept) {
    const Digest& manifest = state.versions.at(version).manifest_sha256;
    const fs::path path = MirrorPath(places.mirror, version, manifest);
    if (!IsNamed(path)) {
      findings.push_back(absl::StrCat("the backup mirror ", places.mirror.string(), " lacks ",
                                      VersionName(version)));
      continue;
    }
    for (std::string& finding : CheckFolder(path, manifest, depth))
      findings.push_back(std::move(finding));
  }
  return findings;
}

std::string MirrorIsBehind(const BranchPlaces& places, const absl::Status& failed) {
  return absl::StrCat("the backup mirror ", places.mirror.string(),
                      " is behind: ", failed.message(),
                      "; the next strata train or strata verify --repair catches up");
}

void TellOfMirror(BranchWriter* writer, FolderCheck depth, const std::string& time,
                  std::vector<std::string>* said) {
  const absl::StatusOr<std::vector<Version>> copied = UpdateMirror(writer, depth, time);
  if (!copied.ok()) {
    said->push_back(MirrorIsBehind(writer->places(), copied.status()));
    return;
  }
  for (const Version version : *copied) {
    said->push_back(absl::StrCat(VersionName(version), " is copied to the backup mirror ",
                                 writer->places().mirror.string()));
  }
}

}  // namespace strata
