// Carries messages in simulated time: late, twice, out of order or never, as the life's plan says.
// The clock is a queue of what happens when; nothing here waits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "tests/coordinator/core/life_plan.h"

namespace strata {

class SimulatedClock {
 public:
  int64_t now() const { return now_; }
  void After(int64_t ms, std::function<void()> what) {
    due_.push_back({now_ + std::max<int64_t>(ms, 0), ++sequence_, std::move(what)});
    std::push_heap(due_.begin(), due_.end(), Later);
  }
  // Lets the next thing happen. False when nothing is left.
  bool RunNext() {
    if (due_.empty()) return false;
    std::pop_heap(due_.begin(), due_.end(), Later);
    const Due due = std::move(due_.back());
    due_.pop_back();
    now_ = due.at;
    due.what();
    return true;
  }

 private:
  struct Due {
    int64_t at;
    uint64_t sequence;
    std::function<void()> what;
  };
  static bool Later(const Due& a, const Due& b) {
    return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
  }
  int64_t now_ = 0;
  uint64_t sequence_ = 0;
  std::vector<Due> due_;  // a heap
};

class SimulatedNetwork {
 public:
  // After `calm_ms` nothing is lost or repeated, and nothing is later than 10 ms.
  SimulatedNetwork(const LifePlan& plan, int64_t calm_ms, SimulatedClock* clock)
      : plan_(plan),
        calm_(calm_ms),
        clock_(clock),
        draw_(Mix(plan.seed, 2)),
        silent_until_(static_cast<size_t>(plan.spec.world) + 1) {}

  // Between the rank and the coordinator: `arrive` is called for each copy that arrives.
  void Carry(int rank, const std::function<void()>& arrive) {
    const bool wild = clock_->now() < calm_;
    if (Silent(rank) || (wild && draw_.Percent(plan_.lost_percent))) return;
    Send(rank, Delay(wild), arrive);
    if (!wild || !draw_.Percent(plan_.repeated_percent)) return;
    // Now and then a copy turns up when everyone has forgotten it.
    Send(rank, draw_.Percent(20) ? draw_.Below(60'000) : Delay(wild), arrive);
  }
  // Nothing of the rank (-1: of any) arrives or leaves for so long.
  void Silence(int rank, int64_t ms) {
    rank = std::min(rank, plan_.spec.world - 1);
    int64_t& until = silent_until_[static_cast<size_t>(rank + 1)];
    until = std::max(until, clock_->now() + ms);
  }

 private:
  int64_t Delay(bool wild) { return 1 + draw_.Below(wild ? plan_.delay_ms_max : 10); }
  bool Silent(int rank) const {
    return clock_->now() < silent_until_[0] ||
           clock_->now() < silent_until_[static_cast<size_t>(rank + 1)];
  }
  void Send(int rank, int64_t ms, const std::function<void()>& arrive) {
    clock_->After(ms, [this, rank, arrive] {
      if (!Silent(rank)) arrive();
    });
  }

  const LifePlan& plan_;
  const int64_t calm_;
  SimulatedClock* const clock_;
  Draw draw_;
  std::vector<int64_t> silent_until_;  // of all, of rank 0, of rank 1, …
};

}  // namespace strata
