// Estimates what one worker holds at its peak while it trains, term by term, from the shapes of the
// base and the branch's settings. Pure: takes a Config and its Base, gives plan, doctor and the
// choice of the micro-batch their figures.
//
// Model: autograd keeps, layer by layer, what each node of worker/model saves for its backward
// pass, a tensor that several save counted once; with gradient_checkpointing only the input of each
// layer, and one layer's tensors at a time. On top comes the larger of two passing peaks: the
// logits of one chunk of positions, or the gradients of one layer. Rows are taken to be full.
// The base's file is mapped while it is read; its pages are the kernel's to take back and are not
// counted.
#pragma once

#include <cstdint>

#include "coordinator/config/config.h"
#include "coordinator/run/base.h"

namespace strata {

// Bytes.
struct MemoryEstimate {
  uint64_t program = 0;  // libtorch, MPI and gRPC as they stand before the base is there
  uint64_t kernels = 0;  // that libtorch compiles while it runs and keeps
  uint64_t weights = 0;  // of the base, in what is computed in
  uint64_t adapter = 0;  // masters, gradients, two moments; on the CPU the stage's first values too
  uint64_t activations_per_row = 0;
  uint64_t activations = 0;  // of the rows computed at once, until their backward pass
  uint64_t working = 0;      // the passing peak beside them
  uint64_t heap_holes = 0;   // on the CPU: what the C library's heap loses between the last two
  uint64_t total() const {
    return program + kernels + weights + adapter + activations + working + heap_holes;
  }
};

// Main memory for the CPU, a device's for CUDA. `rows` are computed at once.
// gradient_checkpointing: auto counts as false; the choice of the micro-batch asks for both.
MemoryEstimate EstimateMemory(const Config& config, const Base& base, uint32_t rows, bool on_cuda);

}  // namespace strata
