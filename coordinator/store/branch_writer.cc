#include "coordinator/store/branch_writer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kLockWait(60);

// 0 unless `name` is written as VersionName writes it.
Version VersionOfName(const std::string& name) {
  uint32_t number = 0;
  if (name.size() < 2 || name.front() != 'v' || !absl::SimpleAtoi(name.substr(1), &number)) {
    return Version();
  }
  return VersionName(Version(number)) == name ? Version(number) : Version();
}

// The versions that symlinks beside the ledger lead to, by the link's name: current, previous,
// pins.
std::map<std::string, Version> Links(const fs::path& adapters) {
  std::map<std::string, Version> links;
  std::error_code error;
  for (fs::directory_iterator at(adapters, error), end; !error && at != end; at.increment(error)) {
    const Version version = VersionOfLink(adapters, at->path());
    if (version != Version()) links[at->path().filename().string()] = version;
  }
  return links;
}

// A link is set only after its version's commit line is durable. So one that leads to a version
// that the ledger does not know shows that lines are gone: an old copy was put back, or a disk lost
// its end. To go on would take `current` back in silence and delete what was committed. A dangling
// pin alone is the user's own affair.
absl::Status CheckKnowsLinks(const fs::path& adapters, const BranchState& state) {
  for (const auto& [name, version] : Links(adapters)) {
    if (state.versions.contains(version)) continue;
    std::error_code error;
    const bool ours = name == "current" || name == "previous";
    if (!ours && !fs::exists(VersionPath(adapters, version), error)) continue;
    return absl::DataLossError(absl::StrCat(
        "the ledger is older than the branch: ", (adapters / name).string(), " leads to ",
        VersionName(version), ", which ", (adapters / "ledger.jsonl").string(),
        " does not know as committed; nothing is changed until its newer copy is put back, or "
        "`strata "
        "verify --repair` takes what the versions say"));
  }
  return absl::OkStatus();
}

}  // namespace

fs::path VersionPath(const fs::path& adapters, Version version) {
  return adapters / "versions" / VersionName(version);
}

fs::path BackupPath(const fs::path& adapters, const std::string& name) {
  return adapters / "backups" / name;
}

fs::path MirrorPath(const fs::path& mirror, Version version, const Digest& manifest) {
  return mirror / absl::StrCat(VersionName(version), "-", manifest.Hex().substr(0, 16));
}

absl::StatusOr<FileLock> LockLedger(const fs::path& adapters) {
  return FileLock::Acquire(adapters / ".ledger.lock", kLockWait);
}

std::set<Version> NumberedFolders(const fs::path& adapters) {
  std::set<Version> versions;
  std::error_code error;
  for (fs::directory_iterator at(adapters / "versions", error), end; !error && at != end;
       at.increment(error)) {
    const Version version = VersionOfName(at->path().filename().string());
    if (version != Version()) versions.insert(version);
  }
  return versions;
}

Version VersionOfLink(const fs::path& adapters, const fs::path& link) {
  std::error_code error;
  const fs::path target = fs::read_symlink(link, error);
  if (error) return Version();
  const fs::path named = (adapters / target).lexically_normal();
  const fs::path tidy = named.filename().empty() ? named.parent_path() : named;
  const fs::path versions = fs::weakly_canonical(adapters / "versions", error);
  if (fs::weakly_canonical(tidy.parent_path(), error) != versions) return Version();
  return VersionOfName(tidy.filename().string());
}

absl::StatusOr<BranchSnapshot> ReadBranch(const fs::path& adapters) {
  BranchSnapshot snapshot;
  ASSIGN_OR_RETURN(snapshot.ledger, Ledger::Read(adapters / "ledger.jsonl"));
  snapshot.damage = snapshot.ledger.damage();
  absl::StatusOr<BranchState> state = Fold(snapshot.ledger.events());
  if (state.ok()) snapshot.state = *std::move(state);
  if (!state.ok() && snapshot.damage.ok()) snapshot.damage = state.status();
  if (snapshot.damage.ok() && snapshot.ledger.events().empty() &&
      !NumberedFolders(adapters).empty()) {
    snapshot.damage = absl::DataLossError(
        absl::StrCat("the ledger is missing or empty: ", (adapters / "ledger.jsonl").string(),
                     ", beside the versions it should list; nothing is changed until a copy of it "
                     "is put back, or `strata verify --repair` makes it anew from the versions"));
  }
  if (snapshot.damage.ok()) snapshot.damage = CheckKnowsLinks(adapters, snapshot.state);
  return snapshot;
}

BranchWriter::BranchWriter(BranchPlaces places, FileSystem* files, FileLock lock,
                           BranchSnapshot snapshot)
    : places_(std::move(places)),
      files_(files),
      lock_(std::move(lock)),
      ledger_(std::move(snapshot.ledger)),
      state_(std::move(snapshot.state)) {}

Quarantine BranchWriter::QuarantineAt(const std::string& time) const {
  return {files_, places_.adapters, time};
}

absl::StatusOr<BranchWriter> BranchWriter::Begin(const BranchPlaces& places, FileSystem* files) {
  const fs::path& adapters = places.adapters;
  RETURN_IF_ERROR(files->CreateDirectories(adapters));
  ASSIGN_OR_RETURN(FileLock lock, LockLedger(adapters));
  // A writer that was killed between its write and its fsync has left a line that is read, but that
  // a power loss would take back after links and deletions have followed it.
  const absl::Status durable = files->FsyncFile(adapters / "ledger.jsonl");
  if (!durable.ok() && !absl::IsNotFound(durable)) return durable;
  ASSIGN_OR_RETURN(BranchSnapshot snapshot, ReadBranch(adapters));
  RETURN_IF_ERROR(snapshot.damage);
  return BranchWriter(places, files, std::move(lock), std::move(snapshot));
}

absl::Status BranchWriter::Record(const std::string& kind, const std::string& time, Json body) {
  RETURN_IF_ERROR(ledger_.Append(files_, kind, time, std::move(body)));
  ASSIGN_OR_RETURN(state_, Fold(ledger_.events()));
  return absl::OkStatus();
}

}  // namespace strata
