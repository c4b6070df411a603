#include "coordinator/launch/open_files.h"

#include <sys/resource.h>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

constexpr uint64_t kFilesOfCoordinator = 32, kFilesOfMpirun = 32, kFilesOfRank = 4;

}  // namespace

uint64_t OpenFilesNeeded(int ranks) {
  return kFilesOfCoordinator + kFilesOfMpirun + kFilesOfRank * static_cast<uint64_t>(ranks);
}

absl::Status CheckOpenFiles(int ranks) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= OpenFilesNeeded(ranks)) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "a process may open only ", limit.rlim_cur, " files, and ", OpenFilesNeeded(ranks),
      " are needed for ", ranks, ranks == 1 ? " rank" : " ranks",
      "; nothing was changed; raise the limit: ulimit -n 4096 (strata doctor says more)"));
}

}  // namespace strata
