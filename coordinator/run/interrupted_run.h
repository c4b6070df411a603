// Finds the run that was interrupted and can be gone on with, says whether it may be, and drops it.
// Takes the branch's runs/ and store; train asks it before it plans anything new.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/config/config.h"
#include "coordinator/core/run_core.h"
#include "coordinator/run/run_folder.h"
#include "coordinator/store/branch_store.h"

namespace strata {

struct InterruptedRun {
  RunId run;
  std::filesystem::path folder;
  Position next;  // of its last checkpoint
  // What keeps it from being gone on with, and what to do; OK = nothing that is known yet.
  absl::Status damage = absl::OkStatus();
};

// The runs that have a checkpoint by their journal, and whose end is neither a version nor final.
// More than one only where folders were copied by hand; sorted by name.
std::vector<InterruptedRun> InterruptedRuns(const Config& config, const BranchStore& store);

// "not finished; its last checkpoint is before stage 0, epoch 1, step 30": for people.
std::string UnfinishedText(const InterruptedRun& run);

// What the branch is now, to compare with what a run began with.
struct Terms {
  PlanRequest request;
  Digest base_fingerprint;
  Settings settings;
  Version current;
  std::set<std::string> excluded;  // file names
};

// OK when the run may go on now: workers, micro-batch and what else changes no result may differ.
// FAILED_PRECONDITION names what differs, with both values, and what to do.
absl::Status CheckGoesOn(const InterruptedRun& run, const RunMaterial& material, const Terms& now);

// Removes the checkpoints of runs that are over: a kill can have come between a run's end and that.
void RemoveLeftCheckpoints(const Config& config, const BranchStore& store);

// Why the run's folder can't be read, as an error that says what to do.
absl::Status CannotGoOn(const InterruptedRun& run, const absl::Status& why);

// Nothing goes on from the run any more; its plan and logs stay.
absl::Status Drop(const InterruptedRun& run);

}  // namespace strata
