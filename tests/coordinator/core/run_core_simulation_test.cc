// Goal: no order of messages, losses, deaths, stops, crashes and full disks breaks what the core
// promises. Method: many short lives in memory, each from a seed, every step of each held against
// the promises (core_watch.h). Of a life that breaks one the seed is printed, the plan shrunk, and
// the shrunk life written down as a scenario.
//
// ctest lives 10,000 of them. A million, or those after another seed:
//   STRATA_LIVES=1000000 [STRATA_FIRST_SEED=1] build/tests/run_core_test
//   --gtest_filter='*InEveryLife'
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>

#include "gtest/gtest.h"
#include "tests/coordinator/core/simulated_life.h"

namespace strata {
namespace {

int64_t Setting(const char* name, int64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoll(value);
}

// What the lives were like, to see that all kinds were among them.
struct Kinds {
  int64_t lives = 0, completed = 0, failed = 0, interrupted = 0, crashed = 0, committed = 0;
  int64_t attempts = 0, checkpoints = 0, lost = 0, put_back = 0, stragglers = 0, resumed = 0;

  void Add(const LifeReport& life) {
    ++lives;
    completed += life.completed;
    failed += life.failed;
    interrupted += life.interrupted;
    crashed += life.crashed;
    committed += life.committed;
    attempts += life.attempts;
    checkpoints += life.checkpoints;
    lost += life.lost;
    put_back += life.put_back;
    stragglers += life.stragglers;
    resumed += life.resumed;
  }
};

struct Lives {
  Kinds kinds;
  std::optional<uint64_t> broken;  // the first seed whose life broke a promise
};

// `count` lives from `first` on, on all cores.
Lives LiveAll(uint64_t first, uint64_t count) {
  Lives all;
  std::mutex mutex;
  std::atomic<uint64_t> next = 0;
  std::atomic<bool> broken = false;
  const auto live = [&] {
    for (uint64_t i = next++; i < count && !broken; i = next++) {
      const LifeReport life = Live(PlanOfSeed(first + i));
      const std::lock_guard lock(mutex);
      all.kinds.Add(life);
      if (life.violation.empty()) continue;
      broken = true;
      all.broken = std::min(all.broken.value_or(first + i), first + i);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < std::max(2u, std::thread::hardware_concurrency()); ++i)
    threads.emplace_back(live);
  live();
  for (std::thread& thread : threads) thread.join();
  return all;
}

std::ostream& operator<<(std::ostream& out, const Kinds& kinds) {
  return out << kinds.lives << " lives: " << kinds.completed << " processes completed, "
             << kinds.failed << " failed, " << kinds.interrupted << " interrupted, "
             << kinds.crashed << " crashed; " << kinds.committed << " commits, " << kinds.attempts
             << " attempts, " << kinds.lost << " lost, " << kinds.checkpoints << " checkpoints, "
             << kinds.resumed << " processes went on from one, " << kinds.put_back
             << " stages put back, " << kinds.stragglers << " stragglers\n";
}

TEST(RunCoreSimulation, PromisesHoldInEveryLife) {
  const auto count = static_cast<uint64_t>(Setting("STRATA_LIVES", 10'000));
  const Lives lives = LiveAll(static_cast<uint64_t>(Setting("STRATA_FIRST_SEED", 1)), count);
  ASSERT_FALSE(lives.broken) << Account(PlanOfSeed(*lives.broken));
  std::cout << lives.kinds;
  // The lives are of all kinds, else the simulation proves little.
  const int64_t some = static_cast<int64_t>(count) / 100;
  for (const int64_t kind : {lives.kinds.failed, lives.kinds.interrupted, lives.kinds.crashed,
                             lives.kinds.lost, lives.kinds.checkpoints, lives.kinds.resumed,
                             lives.kinds.put_back}) {
    EXPECT_GT(kind, some);
  }
  EXPECT_GT(lives.kinds.stragglers, some / 10);
  EXPECT_GT(lives.kinds.committed, 80 * some);
}

// The same plan makes the same life: what a seed has shown can be shown again.
TEST(RunCoreSimulation, SeedTellsALifeAgain) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    const LifeReport first = Live(PlanOfSeed(seed), /*with_trace=*/true);
    EXPECT_EQ(first.trace, Live(PlanOfSeed(seed), /*with_trace=*/true).trace) << "seed " << seed;
  }
}

}  // namespace
}  // namespace strata
