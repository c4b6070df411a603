#include "tests/coordinator/store/durable_disk.h"

#include <sys/syscall.h>

namespace strata {

Disk* watching = nullptr;

}  // namespace strata

extern "C" int fsync(int descriptor) {
  const auto done = static_cast<int>(syscall(SYS_fsync, descriptor));
  if (done == 0 && strata::watching != nullptr) {
    strata::watching->Sync("/proc/self/fd/" + std::to_string(descriptor));
  }
  return done;
}
