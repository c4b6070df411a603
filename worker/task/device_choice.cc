#include "worker/task/device_choice.h"

#ifdef STRATA_WITH_CUDA
#include <cuda_runtime_api.h>
#endif

#include <algorithm>
#include <set>

namespace strata {

std::vector<std::string> VisibleDevices() {
  std::vector<std::string> addresses;
#ifdef STRATA_WITH_CUDA
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) count = 0;
  cudaGetLastError();
  for (int i = 0; i < count; ++i) {
    char address[32] = "";
    if (cudaDeviceGetPCIBusId(address, sizeof address, i) == cudaSuccess)
      addresses.emplace_back(address);
  }
#endif
  return addresses;
}

std::string DeviceName([[maybe_unused]] int index) {
#ifdef STRATA_WITH_CUDA
  cudaDeviceProp properties{};
  if (index >= 0 && cudaGetDeviceProperties(&properties, index) == cudaSuccess)
    return properties.name;
#endif
  return "";
}

int DeviceOf(const std::string& wish, const std::vector<std::vector<std::string>>& seen, int rank) {
  std::set<std::string> devices;
  for (const std::vector<std::string>& of_rank : seen)
    devices.insert(of_rank.begin(), of_rank.end());
  if (wish == "cpu" || (wish == "auto" && devices.empty())) return kNoDevice;
  std::set<std::string> taken;
  for (size_t i = 0; i < seen.size(); ++i) {
    const auto free = std::find_if(seen[i].begin(), seen[i].end(), [&](const std::string& address) {
      return !taken.contains(address);
    });
    if (free == seen[i].end()) break;
    taken.insert(*free);
    if (static_cast<int>(i) == rank) return static_cast<int>(free - seen[i].begin());
  }
  throw HopelessTask("this host has " + std::to_string(devices.size()) + " CUDA devices for " +
                     std::to_string(seen.size()) +
                     " ranks; start one rank for each device (workers), or set device: cpu");
}

}  // namespace strata
