#include "coordinator/cli/stop_signals.h"

#include <signal.h>
#include <unistd.h>

#include <cstring>

#include "common/exit_code.h"

namespace strata {
namespace {

// Signal handlers can reach nothing but statics.
std::atomic<int> stops_asked = 0;
std::atomic<bool> work_began = false;
std::atomic<const char*> words_before = "";
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free &&
              std::atomic<const char*>::is_always_lock_free);

void OnSignal(int) {
  ++stops_asked;
  if (work_began) return;
  const char* const words = words_before;
  const int code = static_cast<int>(ExitCode::kTryAgain);
  if (write(STDERR_FILENO, words, std::strlen(words)) < 0) _exit(code);
  _exit(code);
}

}  // namespace

void CatchStops(const char* words) {
  words_before = words;
  struct sigaction action {
  }, before{};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
}

void WorkBegins() { work_began = true; }

const std::atomic<int>* StopsAsked() { return &stops_asked; }

}  // namespace strata
