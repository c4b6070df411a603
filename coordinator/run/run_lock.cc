#include "coordinator/run/run_lock.h"

#include <ctime>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "common/status_macros.h"

namespace strata {

absl::StatusOr<FileLock> HoldForRun(const Config& config) {
  RETURN_IF_ERROR(FileSystem::Real()->CreateDirectories(config.CacheDir()));
  absl::StatusOr<FileLock> lock = FileLock::TryAcquire(config.CacheDir() / "run.lock");
  if (!absl::IsAborted(lock.status())) return lock;
  return absl::AbortedError(absl::StrCat("another strata train or import holds this branch (",
                                         config.branch.string(),
                                         "); wait for it to end, or stop it"));
}

RunId NewRunId(std::chrono::system_clock::time_point now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S-", &utc);
  return RunId(text + RandomHex(2));
}

}  // namespace strata
