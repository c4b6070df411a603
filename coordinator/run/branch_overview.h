// Says how a branch stands, in what a line can hold: what serves, what is pending, how the last run
// ended, whether it is well. Takes a branch's folder; `strata branches` shows it.
//
// Model: only what is cheap. Of the adapters sizes, times and links are looked at, as at every
// start; datasets are read and hashed, nothing is tokenised; nothing is written. What cannot be
// known is empty, and `health` says why: a broken branch has an overview as well.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/exit_code.h"
#include "common/ids.h"

namespace strata {

enum class BranchHealth {
  kHealthy,
  kRunFailed,    // the last run did, and what it was to train is still to be trained
  kDamaged,      // its adapters or its ledger
  kReadOnly,     // whole, but a training could not write its version
  kNoBase,       // the base model is not where branch.yaml says
  kNoDatasets,   // training/ cannot be read
  kConfigError,  // branch.yaml
};
// "healthy", "run failed", "damaged", "read-only", "no base", "no datasets", "config error".
const char* HealthText(BranchHealth health);
// What a command that stands on the branch would end with; of a run that failed, what watch does.
ExitCode CodeOf(BranchHealth health);

struct PendingCount {
  uint64_t datasets = 0;
  uint64_t examples = 0;  // their good lines that are new; tokenising may refuse some yet
  uint64_t held = 0;      // datasets that a restore took back
  uint64_t refused = 0;   // datasets without a good line
};

struct LastRun {
  std::string run;             // its name; "?" = not known
  std::string status;          // "completed", "partial", "failed", "interrupted"
  std::string ended;           // ISO 8601, UTC
  std::optional<double> loss;  // of the last dataset that it trained
  bool began = false;          // its folder is there: it did not end before its first attempt
};

struct BranchOverview {
  std::filesystem::path folder;
  std::string name;           // of the adapter; "" = not known
  Version current;            // 0 = none yet, or not known
  std::string current_since;  // ISO 8601, UTC; "" = none, or not known
  std::optional<PendingCount> pending;
  std::optional<LastRun> last_run;
  std::vector<std::string> unfinished;  // runs to be gone on with, as UnfinishedText
  BranchHealth health = BranchHealth::kHealthy;
  std::vector<std::string> findings;  // why it is not healthy, in sentences
  std::string more;                   // the command that tells more; "" = none needed
};

BranchOverview OverviewOf(const std::filesystem::path& folder);

}  // namespace strata
