#include "common/machine_memory.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

namespace strata {
namespace {

namespace fs = std::filesystem;

// A number alone in a file; `other` for "max" or no file.
uint64_t NumberIn(const fs::path& file, uint64_t other) {
  uint64_t number = 0;
  return std::ifstream(file) >> number ? number : other;
}

}  // namespace

fs::path ControlGroup() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("0::/", 0) != 0) continue;
    const fs::path own = fs::path("/sys/fs/cgroup") / line.substr(4);
    std::error_code error;
    // In a container the path may be the host's.
    return fs::exists(own / "cgroup.procs", error) ? own : fs::path("/sys/fs/cgroup");
  }
  return "";
}

Memory MemoryHere() {
  Memory memory;
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    uint64_t kib = 0;
    words >> key >> kib;
    if (key == "MemTotal:") memory.total_bytes = kib << 10;
    if (key == "MemAvailable:") memory.available_bytes = kib << 10;
  }
  const fs::path group = ControlGroup();
  const uint64_t limit = NumberIn(group / "memory.max", UINT64_MAX);
  const uint64_t used = std::min(NumberIn(group / "memory.current", 0), limit);
  memory.total_bytes = std::min(memory.total_bytes, limit);
  memory.available_bytes = std::min(memory.available_bytes, limit - used);
  return memory;
}

}  // namespace strata
