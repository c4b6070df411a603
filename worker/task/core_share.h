// Divides a host's cores among the ranks on it, as each rank would reckon it for itself.
// Takes what the ranks may use, gives RankPlace the cpus of one of them. Pure but for ReadSeats.
//
// Model: ranks that may use the same cpus share them in equal, contiguous parts: hardware threads
// of one core, and cores of one socket, stay together. Ranks that a launcher or Slurm has bound
// already share nothing, and keep what they have.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strata {

// Where one of the system's cpus sits.
struct CpuSeat {
  int cpu = 0, core = 0, socket = 0;
  auto operator<=>(const CpuSeat&) const = default;
};

// Of the cpus given, as /sys has it; a cpu that it does not tell of is a core of its own.
std::vector<CpuSeat> ReadSeats(const std::vector<int>& cpus);

struct CoreShare {
  std::vector<int> cpus;  // ascending
  bool own = false;       // no other rank of the host computes on them
  int threads = 1;        // to compute with
};

// The share of `rank` among `allowed` (by local rank: the cpus that it may use, ascending, not
// empty). `seats` tells of each of its own cpus. With more ranks than cpus they stay shared, one
// thread each; so do cpus that ranks with different sets have in common, with fewer threads.
CoreShare ShareOf(const std::vector<std::vector<int>>& allowed, int rank,
                  const std::vector<CpuSeat>& seats);

// The threads of a share where Slurm has allotted this host's `ranks` so many cpus, 0 for no word
// of it: a Slurm that binds nothing (TaskPlugin=task/none) leaves it to the job to keep to them.
int ThreadsWithin(const CoreShare& share, int allotted, int ranks);

// "0-3,8": as Linux writes a list of cpus; and back. What is no number ends the list.
std::string CpuListText(const std::vector<int>& cpus);
std::vector<int> CpuListOf(std::string_view text);

}  // namespace strata
