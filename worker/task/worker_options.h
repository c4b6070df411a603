// Reads strata-worker's command line: strata writes it, through mpirun.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "worker/task/coordinator_client.h"

namespace strata {

struct WorkerOptions {
  WorkerIdentity identity;  // run, attempt and coordinator; the rest is the joining rank's
  std::string device = "auto";
  int threads = 0;    // to compute with; 0: as many as the rank has cpus
  std::string probe;  // "machine" or "ranks": measures instead of joining a coordinator
  int64_t probe_elements = 1 << 20;
  unsigned probe_seconds_max = 60;
};

// nullopt when the program is to end at once with *exit_code: --help, or what it said is wrong.
std::optional<WorkerOptions> ReadWorkerOptions(int argc, char** argv, int* exit_code);

}  // namespace strata
