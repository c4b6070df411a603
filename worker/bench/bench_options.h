// Parses the command line of `step_bench`. Takes argv, gives what main.cc measures.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace strata {

struct BenchOptions {
  std::string base;                // a name of NamedModels, a folder or a config.json
  std::string dtype = "float32";   // of the base's computation: float32, bfloat16
  std::string device = "cpu";      // cpu, cuda
  int64_t rows = 4, length = 512;  // of a step; tokens of a row, none of them padding
  int64_t steps = 5;               // that count; one before them does not
  int64_t micro_batch_size = 0;    // rows; 0: all at once
  int64_t lora_r = 56;
  double dropout = 0.025;  // in [0, 1)
  bool checkpointing = false;
  double peak_tflops = 0;  // of the device in `dtype`; 0: unknown, no MFU
  bool help = false;
};

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Throws UsageError that names the argument at fault.
BenchOptions ParseBenchOptions(int argc, char** argv);

extern const char kBenchUsage[];

}  // namespace strata
