// Says beforehand what a run will cost: memory of a worker from the model's shapes, time from what
// this branch's last run measured. `strata plan` prints it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "coordinator/config/config.h"
#include "coordinator/run/preparation.h"

namespace strata {

// Bytes that one rank holds at its peak, beside the program itself: base, masters with gradients
// and two moments, the activations that autograd keeps of a micro-batch of full rows (per layer and
// token about 20 hidden and 9 intermediate widths, LoRA's inputs among them), and one chunk of
// logits in fp32.
uint64_t WorkerMemoryEstimate(const Config& config, const Base& base);

// Tokens of the steps by their seconds, of the last run in `runs` that trained on `device` ("cpu",
// "cuda"; "auto" takes any); 0 when there is none.
double MeasuredTokensPerSecond(const std::filesystem::path& runs, const std::string& device);

}  // namespace strata
