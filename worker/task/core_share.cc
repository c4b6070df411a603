#include "worker/task/core_share.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <tuple>

namespace strata {
namespace {

int NumberIn(const std::string& file, int otherwise) {
  std::ifstream stream(file);
  int number = otherwise;
  return stream >> number ? number : otherwise;
}

// The part `index` of `parts` of what is sorted; the parts differ by one at most.
std::vector<std::vector<int>> PartOf(const std::vector<std::vector<int>>& cores, size_t index,
                                     size_t parts) {
  const auto at = [&](size_t i) {
    return cores.begin() + static_cast<std::ptrdiff_t>(i * cores.size() / parts);
  };
  return {at(index), at(index + 1)};
}

// Both ascending.
bool Overlap(const std::vector<int>& a, const std::vector<int>& b) {
  std::vector<int> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return !both.empty();
}

}  // namespace

std::vector<CpuSeat> ReadSeats(const std::vector<int>& cpus) {
  std::vector<CpuSeat> seats;
  for (const int cpu : cpus) {
    const std::string topology = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    seats.push_back({cpu, NumberIn(topology + "core_id", -1 - cpu),
                     NumberIn(topology + "physical_package_id", 0)});
  }
  return seats;
}

CoreShare ShareOf(const std::vector<std::vector<int>>& allowed, int rank,
                  const std::vector<CpuSeat>& seats) {
  const std::vector<int>& mine = allowed[static_cast<size_t>(rank)];
  const auto sharers = static_cast<size_t>(std::count(allowed.begin(), allowed.end(), mine));
  const auto index = static_cast<size_t>(std::count(allowed.begin(), allowed.begin() + rank, mine));
  const auto overlapping = static_cast<size_t>(
      std::count_if(allowed.begin(), allowed.end(),
                    [&](const std::vector<int>& other) { return Overlap(mine, other); }));
  CoreShare share{.cpus = mine, .own = overlapping == 1, .threads = static_cast<int>(mine.size())};
  if (overlapping == 1) return share;
  if (overlapping != sharers) {
    share.threads = std::max(1, static_cast<int>(mine.size() / overlapping));
    return share;
  }
  share.threads = std::max(1, static_cast<int>(mine.size() / sharers));
  if (mine.size() < sharers) return share;
  std::vector<CpuSeat> sorted = seats;
  std::sort(sorted.begin(), sorted.end(), [](const CpuSeat& a, const CpuSeat& b) {
    return std::tie(a.socket, a.core, a.cpu) < std::tie(b.socket, b.core, b.cpu);
  });
  std::vector<std::vector<int>> cores;
  for (size_t i = 0; i < sorted.size(); ++i) {
    const bool same =
        i > 0 && sorted[i].core == sorted[i - 1].core && sorted[i].socket == sorted[i - 1].socket;
    if (!same) cores.emplace_back();
    cores.back().push_back(sorted[i].cpu);
  }
  // Too few cores for each rank to have one: their hardware threads are shared out.
  if (cores.size() < sharers) {
    cores.clear();
    for (const CpuSeat& seat : sorted) cores.push_back({seat.cpu});
  }
  share.cpus.clear();
  for (const std::vector<int>& core : PartOf(cores, index, sharers))
    share.cpus.insert(share.cpus.end(), core.begin(), core.end());
  std::sort(share.cpus.begin(), share.cpus.end());
  share.own = true;
  share.threads = static_cast<int>(share.cpus.size());
  return share;
}

int ThreadsWithin(const CoreShare& share, int allotted, int ranks) {
  if (allotted <= 0) return share.threads;
  return std::min(share.threads, std::max(1, allotted / ranks));
}

std::string CpuListText(const std::vector<int>& cpus) {
  std::string text;
  for (size_t i = 0; i < cpus.size();) {
    size_t end = i + 1;
    while (end < cpus.size() && cpus[end] == cpus[end - 1] + 1) ++end;
    text += (text.empty() ? "" : ",") + std::to_string(cpus[i]);
    if (end > i + 1) text += "-" + std::to_string(cpus[end - 1]);
    i = end;
  }
  return text;
}

std::vector<int> CpuListOf(std::string_view text) {
  constexpr int kCpusMax = 1 << 16;
  std::vector<int> cpus;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    int first = 0;
    auto [next, error] = std::from_chars(at, end, first);
    int last = first;
    if (error == std::errc() && next < end && *next == '-') {
      const auto range = std::from_chars(next + 1, end, last);
      next = range.ptr, error = range.ec;
    }
    if (error != std::errc() || first < 0 || last >= kCpusMax) break;
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    at = next < end && *next == ',' ? next + 1 : end;
  }
  return cpus;
}

}  // namespace strata
