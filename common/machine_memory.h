// Asks the kernel how much memory this process may have: the machine's, or its control group's
// where that is less.
#pragma once

#include <cstdint>
#include <filesystem>

namespace strata {

struct Memory {
  uint64_t total_bytes = 0, available_bytes = 0;  // the smaller of machine's and control group's
};
Memory MemoryHere();

// This process's folder of control groups v2; "" when there is none.
std::filesystem::path ControlGroup();

}  // namespace strata
