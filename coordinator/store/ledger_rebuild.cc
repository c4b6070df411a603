#include "coordinator/store/ledger_rebuild.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/found_branch.h"
#include "coordinator/store/quarantine.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

// The events up to the first that cannot be understood after those before it.
std::vector<LedgerEvent> Believed(const std::vector<LedgerEvent>& events) {
  size_t good = 0, bad = events.size() + 1;
  while (good + 1 < bad) {
    const size_t middle = good + (bad - good) / 2;
    const std::vector<LedgerEvent> some(events.begin(), events.begin() + middle);
    (Fold(some).ok() ? good : bad) = middle;
  }
  return {events.begin(), events.begin() + good};
}

// A link that leads to what the ledger does not know would have it taken for an older one.
absl::Status TurnLinks(const fs::path& adapters, const BranchState& state, FileSystem* files) {
  for (const auto& [name, version] :
       {std::pair("current", state.current), std::pair("previous", state.previous)}) {
    const Version led = VersionOfLink(adapters, adapters / name);
    if (led == Version() || state.versions.contains(led)) continue;
    if (version == Version()) {
      RETURN_IF_ERROR(files->RemoveTree(adapters / name));
      RETURN_IF_ERROR(files->FsyncDirectory(adapters));
    } else {
      RETURN_IF_ERROR(
          files->ReplaceSymlink(adapters / name, fs::path("versions") / VersionName(version)));
    }
  }
  return absl::OkStatus();
}

absl::Status SetAsideWhatLinksName(const fs::path& adapters, const BranchState& state,
                                   const Quarantine& quarantine,
                                   std::vector<std::string>* sentences) {
  std::vector<fs::path> damaged;
  std::error_code error;
  for (fs::directory_iterator at(adapters, error), end; !error && at != end; at.increment(error)) {
    const Version led = VersionOfLink(adapters, at->path());
    if (led != Version() && !state.versions.contains(led))
      damaged.push_back(VersionPath(adapters, led));
  }
  for (const fs::path& folder : damaged) {
    ASSIGN_OR_RETURN(const fs::path aside, quarantine.Take(folder));
    if (!aside.empty())
      sentences->push_back(absl::StrCat(folder.string(), " lies in ", aside.string(), " now"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> RebuildLedger(const BranchPlaces& places,
                                                       FileSystem* files, const std::string& time) {
  const fs::path& adapters = places.adapters;
  ASSIGN_OR_RETURN(const FileLock lock, LockLedger(adapters));
  ASSIGN_OR_RETURN(const BranchSnapshot snapshot, ReadBranch(adapters));
  if (snapshot.damage.ok()) return std::vector<std::string>();
  const fs::path file = adapters / "ledger.jsonl", fresh = adapters / ".ledger.rebuilt";
  const Quarantine quarantine(files, adapters, time);
  const fs::path aside = IsNamed(file) ? quarantine.PlaceFor(file) : fs::path();
  ASSIGN_OR_RETURN(FoundBranch found, FindBranch({places, Believed(snapshot.ledger.events()), time,
                                                  std::string(snapshot.damage.message()),
                                                  aside.lexically_relative(adapters).string()}));
  RETURN_IF_ERROR(quarantine.TakeCopy(file).status());
  RETURN_IF_ERROR(files->RemoveTree(fresh));
  RETURN_IF_ERROR(files->WriteFileDurably(fresh, Ledger::Text(found.events)));
  RETURN_IF_ERROR(files->Rename(fresh, file));
  RETURN_IF_ERROR(SetAsideWhatLinksName(adapters, found.state, quarantine, &found.sentences));
  RETURN_IF_ERROR(TurnLinks(adapters, found.state, files));
  if (!aside.empty())
    found.sentences.push_back(absl::StrCat("the ledger before lies in ", aside.string()));
  return std::move(found.sentences);
}

}  // namespace strata
