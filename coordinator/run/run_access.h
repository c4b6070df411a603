// Makes what a run's workers are let in by: a fresh token, and the certificate of branch.yaml.
// Takes a Config, gives the RunDriver its Access.
#pragma once

#include "absl/status/statusor.h"
#include "coordinator/config/config.h"
#include "coordinator/service/access.h"

namespace strata {

// `elsewhere`: workers may be on other machines, which is what `listen: auto` goes by; "auto" is
// loopback without it.
// FAILED_PRECONDITION when the TLS files can't be read or don't belong together, naming the key of
// branch.yaml: found out before anything else of a run is done.
absl::StatusOr<Access> NewAccess(const Config& config, bool elsewhere);

}  // namespace strata
