// Reads what `strata-worker --probe` printed (worker/task/probe.h), mixed with what MPI and the
// loader say. Gives the checks of programs, devices and ranks their figures. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata {

struct DeviceSeen {
  std::string name;
  uint64_t bytes = 0;
};

struct MachineReport {
  std::string libtorch;  // "2.11.0"
  int cuda_built = 0;    // 13000 is CUDA 13.0; 0: for the CPU alone
  int cuda_driver = 0;   // the newest CUDA that the driver supports; 0: no driver
  std::string device_error;
  std::vector<DeviceSeen> devices;
};

struct RankReport {
  bool started = false, joined = false;
  std::string host, device;
  uint64_t bytes = 0;                              // that were reduced
  double seconds = -1;                             // of it; < 0: not reduced
  int64_t wrong = 0;                               // values
  double float32_gflops = 0, bfloat16_gflops = 0;  // 0: not measured
};

struct WorkerReport {
  std::optional<MachineReport> machine;
  std::map<int, RankReport> ranks;
  std::vector<std::string> words;  // every other line that says something, in order
};

// Lines that are no event, or lack a field, count as words.
WorkerReport ReadWorkerReport(std::string_view output);

// The line of `words` that tells most: what strata-worker, the loader or mpirun complains of; ""
// when there are none.
std::string TellingWords(const std::vector<std::string>& words);

}  // namespace strata
