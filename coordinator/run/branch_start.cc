#include "coordinator/run/branch_start.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/report.h"

namespace strata {

absl::StatusOr<BranchStore> OpenBranchStore(const Config& config) {
  return BranchStore::Open(config.AdaptersDir(), FileSystem::Real(), config.MirrorDir());
}

absl::Status StartBranch(bool replaces_all, BranchStore* store, const SayOfBranch& say) {
  absl::StatusOr<std::vector<std::string>> said = store->Recover();
  if (absl::IsDataLoss(said.status()) && store->damage().ok())
    said = store->FallBack(std::chrono::system_clock::now());
  if (said.ok()) {
    for (const std::string& sentence : *said) say(sentence);
    return absl::OkStatus();
  }
  if (!replaces_all || !absl::IsDataLoss(said.status()) || !store->damage().ok())
    return said.status();
  say(std::string(said.status().message()));
  return absl::OkStatus();
}

std::filesystem::path ReportFile(const Config& config) {
  return config.branch / "incremental_training_results.json";
}

absl::Status MendReportOf(const Config& config, const BranchStore& store, const SayOfBranch& say) {
  absl::StatusOr<std::optional<RunReport>> newest = store.ReportOfNewest();
  // Its version may have been pruned or damaged since; that keeps nobody from training.
  if (!newest.ok() || !newest->has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool written,
                   MendReport(ReportFile(config), **newest, FileSystem::Real()));
  if (written) {
    say(absl::StrCat("the report of the run ", (*newest)->run,
                     " was missing and is written from the ledger"));
  }
  return absl::OkStatus();
}

}  // namespace strata
