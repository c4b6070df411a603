// The program `strata-worker`: one MPI rank. Joins the coordinator that started it, does its task,
// ends.
#include <unistd.h>

#include <exception>

#include "common/exit_code.h"
#include "worker/task/orphan.h"
#include "worker/task/rank_log.h"
#include "worker/task/worker.h"

int main(int argc, char** argv) {
  strata::WakeWhenOrphaned();
  int exit_code = 0;
  const auto options = strata::ReadWorkerOptions(argc, argv, &exit_code);
  if (!options) return exit_code;
  try {
    if (!options->probe.empty()) {
      strata::ProbeMachine(*options, &argc, &argv);
      return 0;
    }
    strata::MpiSession session(&argc, &argv);
    strata::JoinRun(*options, session);
  } catch (const std::exception& error) {
    strata::SayAs(options->identity, strata::LogLevel::kError, "failed", error.what());
    // Nothing is destroyed: an end of MPI would wait for the other ranks.
    _exit(static_cast<int>(strata::ExitCode::kUnavailable));
  }
  return 0;
}
