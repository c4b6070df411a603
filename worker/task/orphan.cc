#include "worker/task/orphan.h"

#include <signal.h>
#include <sys/prctl.h>

namespace strata {

void WakeWhenOrphaned() { prctl(PR_SET_PDEATHSIG, SIGCONT); }

}  // namespace strata
