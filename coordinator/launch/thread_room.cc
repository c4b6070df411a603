#include "coordinator/launch/thread_room.h"

#include <sys/resource.h>

#include <latch>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kMiBOfCoordinator = 1536, kMiBPerCore = 72;
constexpr size_t kThreads = 24;  // a run of two ranks on two cores has 15

}  // namespace

absl::Status JudgeAddressSpace(uint64_t bytes, unsigned cores) {
  const uint64_t need = (kMiBOfCoordinator + kMiBPerCore * cores) * kMiB;
  if (bytes >= need) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "a process may map only ", bytes / kMiB, " MiB of memory, and ", need / kMiB,
      " are needed; nothing was changed; raise the limit: ulimit -v unlimited"));
}

absl::Status CheckThreadRoom() {
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  RETURN_IF_ERROR(JudgeAddressSpace(limit.rlim_cur, std::thread::hardware_concurrency()));
  std::latch all_told(1);
  std::vector<std::thread> threads;
  bool started = true;
  try {
    while (threads.size() < kThreads) threads.emplace_back([&] { all_told.wait(); });
  } catch (const std::system_error&) {
    started = false;
  }
  all_told.count_down();
  for (std::thread& thread : threads) thread.join();
  if (started) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "only ", threads.size(), " threads could be started, and ", kThreads,
      " are needed; nothing was changed; raise the limit of processes and threads: ulimit -u (of a "
      "container: --pids-limit, of a Slurm job: its memory)"));
}

}  // namespace strata
