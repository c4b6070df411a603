// Measures the most memory that this process has held on a device.
#pragma once

#include <c10/core/Device.h>

namespace strata {

// MiB: on the CPU resident, from the process's beginning; on CUDA what libtorch's tensors held, as
// torch.cuda.max_memory_allocated counts it. What PEFT's figures are counted by.
double PeakMebibytes(at::Device device);

}  // namespace strata
