// Decides how many rows a worker computes at once and whether it computes layers again in the
// backward pass, and says why: what branch.yaml says, or for auto what fits. Takes a Config and its
// Base; plan shows the choice, a run makes it once when it begins.
//
// Model: computing again costs some two fifths more time. More rows at once cost nothing and make
// wider products, which gain little once they are kTokensThatFill tokens wide. So
// gradient_checkpointing: auto leaves the layers alone where that many tokens, or all of a worker's
// rows of an update, fit without it; else it is on, and the rows are those that fit then.
#pragma once

#include <cstdint>
#include <string>

#include "coordinator/config/config.h"
#include "coordinator/run/base.h"
#include "coordinator/run/memory_estimate.h"

namespace strata {

// What one worker may take, after what is left to others.
struct MemoryBudget {
  bool on_cuda = false;
  uint64_t bytes = 0;
  std::string source;  // "gpu_memory_gb, less 10 % in reserve"
};

// On CUDA nine tenths of gpu_memory_gb, or of 16 GB where that is not set; else, of what
// `free_bytes` of main memory are, four fifths by the number of workers. `driver`: an NVIDIA driver
// is loaded here, which is what device: auto goes by.
MemoryBudget BudgetOf(const Config& config, uint64_t free_bytes, bool driver);
// The same of this machine, as it is now. Starts no program.
MemoryBudget BudgetHere(const Config& config);

// Tokens computed at once from which on more of them make an update hardly faster.
inline constexpr uint64_t kTokensThatFill = 1024;

struct MicroBatch {
  uint32_t rows = 0;           // what micro_batch_size comes to; at least 1
  bool chosen = false;         // by auto
  bool checkpointing = false;  // what gradient_checkpointing comes to
  std::string why = {};        // of checkpointing, where auto chose it
  MemoryEstimate estimate;     // of the rows that are really there to be computed at once
  MemoryBudget budget;
  bool fits() const { return estimate.total() <= budget.bytes; }
};

// micro_batch_size: auto takes powers of two up to a worker's share of global_batch_size, rounded
// up; 1 even where that does not fit.
MicroBatch ChooseMicroBatch(const Config& config, const Base& base, const MemoryBudget& budget);

// `config` as it runs: with the numbers that auto came to.
Config Settled(Config config, const MicroBatch& micro_batch);

// What to say and do when micro_batch_size: auto found no room even for one row; "" when it did, or
// was not asked.
std::string NoRoomText(const MicroBatch& micro_batch, const Config& config);

}  // namespace strata
