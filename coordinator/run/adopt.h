// Runs `strata adopt`: takes over a branch folder of the layout that came before strata's, or one
// that lies elsewhere, as versions, backups and pins of this branch. Takes a Config; leaves the
// branch with the adapters it had, none lost, and the old folder as it was.
//
// Model: each distinct adapter becomes a version, by its age (original_layout.h says how). Backups
// keep their names, snapshots become pins. What an adapter has seen is told by the history in its
// training_metadata.json: a file of training/ that it names counts as trained, by that word alone.
// Durability and the exchange: store/adoption.h. Errors: those of Import, about `current`;
// NOT_FOUND when there is no such layout.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/config/config.h"
#include "coordinator/run/original_layout.h"
#include "coordinator/store/candidate.h"

namespace strata {

struct AdoptRequest {
  std::filesystem::path old;  // the old branch's folder; the branch itself to adopt it in place
  bool retrain = false;       // leave every dataset pending, whatever the history says
  // What should be known, a sentence each.
  std::function<void(const std::string&)> on_warning;
};

struct AdoptedVersion {
  Version version;
  std::vector<std::string> names;  // in the old layout
  std::string time;                // of its last training there
};

struct AdoptResult {
  bool already = false;   // it was adopted before; nothing was changed but what a kill had left
  bool finished = false;  // a kill had left something, which is done now
  std::vector<AdoptedVersion> versions;  // oldest first; the last is current
  std::vector<std::pair<std::string, Version>> backups, pins;
  std::vector<LeftFolder> left;
  bool previous_was_current = false;
  std::vector<StageResult> trained;  // by the history of current
  std::vector<std::string> pending;  // names of datasets
  std::filesystem::path original;    // where the old folder lies now
};

absl::StatusOr<AdoptResult> AdoptBranch(const Config& config, const AdoptRequest& request);

}  // namespace strata
