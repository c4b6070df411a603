// Asks whether the disks have room for a training before it is begun: hours of work are not to end
// in a commit for which there is none.
//
// Model: a commit writes the new version and copies of the old current and previous; a checkpoint
// is the state of a training (common/train_state.h), two are kept while the next is written. The
// mirror's own disk is asked when it is written, and is no reason to refuse.
#pragma once

#include "absl/status/status.h"
#include "common/posix_file.h"
#include "coordinator/config/config.h"
#include "coordinator/run/base.h"
#include "coordinator/store/branch_store.h"

namespace strata {

// RESOURCE_EXHAUSTED with what is needed, what there is, and the folder.
absl::Status CheckTrainingRoom(const Config& config, const Base& base, const BranchStore& store,
                               FileSystem* files);

}  // namespace strata
