#include "worker/task/rank_place.h"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "worker/task/core_share.h"
#include "worker/task/device_choice.h"

namespace strata {
namespace {

std::vector<int> AllowedCpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

void KeepTo(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(static_cast<size_t>(cpu), &set);
  sched_setaffinity(0, sizeof set, &set);  // where that is forbidden, the system places the threads
}

// Those of `allowed` on the socket of the device's PCI slot, if there are any.
std::vector<int> Near(std::string address, const std::vector<int>& allowed) {
  std::transform(address.begin(), address.end(), address.begin(), ::tolower);
  std::ifstream stream("/sys/bus/pci/devices/" + address + "/local_cpulist");
  std::string list;
  stream >> list;
  const std::vector<int> local = CpuListOf(list);
  std::vector<int> near;
  std::set_intersection(allowed.begin(), allowed.end(), local.begin(), local.end(),
                        std::back_inserter(near));
  return near.empty() ? allowed : near;
}

// Of the environment; 0 where there is none.
int NumberOf(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? 0 : std::atoi(text);
}

std::vector<std::string> Words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

}  // namespace

RankPlace FindPlace(const std::string& wish, int threads, const MpiSession& session) {
  const int rank = session.local_rank();
  std::string addresses;
  if (wish != "cpu") {
    for (const std::string& address : VisibleDevices()) addresses += address + " ";
  }
  std::vector<std::vector<std::string>> seen;
  for (const std::string& of_rank : session.GatherLocal(addresses)) seen.push_back(Words(of_rank));
  RankPlace place;
  // Who is left without a device says so once all ranks have got this far.
  int device = kNoDevice;
  std::string why;
  try {
    device = DeviceOf(wish, seen, rank);
  } catch (const HopelessTask& hopeless) {
    why = hopeless.what();
  }
  std::vector<int> mine = AllowedCpus();
  if (device != kNoDevice) {
    place.device = at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(device));
    place.device_name = DeviceName(device);
    mine = Near(seen[static_cast<size_t>(rank)][static_cast<size_t>(device)], mine);
  }
  std::vector<std::vector<int>> allowed;
  for (const std::string& of_rank : session.GatherLocal(CpuListText(mine)))
    allowed.push_back(CpuListOf(of_rank));
  if (!why.empty()) throw HopelessTask(why);
  const CoreShare share = ShareOf(allowed, rank, ReadSeats(mine));
  if (session.local_world() > 1 && share.own) KeepTo(share.cpus);
  place.cpus = CpuListText(share.cpus);
  place.own_cpus = share.own;
  place.threads = threads > 0 ? threads : NumberOf("OMP_NUM_THREADS");
  if (place.threads <= 0) {
    place.threads = ThreadsWithin(share, NumberOf("SLURM_CPUS_ON_NODE"), session.local_world());
  }
  return place;
}

}  // namespace strata
