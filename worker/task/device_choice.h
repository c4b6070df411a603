// Chooses a rank's device: the CUDA device that no other rank of its host takes.
// Takes what every local rank sees, gives RankPlace a device. DeviceOf is pure.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace strata {

// A task that can't be done here however often it is tried.
class HopelessTask : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The PCI addresses of the CUDA devices that this process sees, in CUDA's order; none without.
std::vector<std::string> VisibleDevices();
// Of one of them, for people: "NVIDIA H200".
std::string DeviceName(int index);

constexpr int kNoDevice = -1;  // the CPU

// The index, among the devices that it sees, of local rank `rank`'s own device. `seen`: by local
// rank. The ranks choose in turn, so it does not matter whether all see every device of the host or
// each only its own. `wish`: "auto" takes the CPU when no rank sees a device; "cpu"; "cuda". Throws
// HopelessTask when a rank is left without one.
int DeviceOf(const std::string& wish, const std::vector<std::vector<std::string>>& seen, int rank);

}  // namespace strata
