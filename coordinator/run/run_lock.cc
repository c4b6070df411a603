#include "coordinator/run/run_lock.h"

#include <cstdint>
#include <ctime>

#include "absl/strings/str_cat.h"
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
  using std::chrono::microseconds;
  constexpr int64_t kSecondUs = 1'000'000;
  const int64_t since_epoch_us =
      std::chrono::duration_cast<microseconds>(now.time_since_epoch()).count();
  const auto seconds = static_cast<std::time_t>(since_epoch_us / kSecondUs);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S-", &utc);
  const int64_t tail = since_epoch_us % kSecondUs * 0x10000 / kSecondUs;
  return RunId(absl::StrCat(text, absl::Hex(tail, absl::kZeroPad4)));
}

}  // namespace strata
