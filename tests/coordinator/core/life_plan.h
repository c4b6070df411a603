// Says what one simulated life of a run is: its plan, its network and every fault that befalls it,
// all drawn from a seed. Takes a seed, gives a LifePlan; a life is a function of its plan alone, so
// that a life that fails can be shrunk by leaving faults out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/core/run_core.h"

namespace strata {

enum class FaultKind {
  kKillRank,          // SIGKILL; mpirun ends the others soon after
  kKillGroup,         // mpirun itself
  kStopRank,          // SIGSTOP for `amount` ms
  kHangRank,          // it computes for ever; its heartbeats go on
  kHangInCollective,  // likewise, waiting in a sum
  kSlowRank,          // computes `amount` times as long from now on
  kFlipBit,           // its replica silently differs from now on
  kRankFails,         // says so and leaves; `amount` 1: for good
  kSilence,           // no message of the rank (-1: of any) arrives for `amount` ms
  kCrash,             // the coordinator dies at the CrashPoint `amount`
  kJournalFails,      // the next line can't be kept
  kLogFails,          // a log's line can't be kept
  kStop,              // SIGINT
  kLoseNewest,        // the newest checkpoint's file is gone
  kDamageNewest,      // or has a flipped bit
  kDiskFull,          // checkpoints can't be written for `amount` ms
  kCommitFails,       // the next commit, for a reason that passes
  kCommitRefused,     // or for good
  kStranger,          // a message of nobody
  kFewerMachines,     // for `amount` ms the last rank of a full world can't be started
  kNoLaunch,          // the next group ends before anyone has joined
  kExitLate,          // groups take `amount` ms to end from now on
  kCount
};

// Where in the carrying out of an event the coordinator dies.
enum class CrashPoint { kNow, kBeforeLine, kBetweenLines, kAfterLines, kBetweenEffects, kCount };

struct Fault {
  int64_t at_ms = 0;
  FaultKind kind = FaultKind::kStranger;
  int rank = 0;
  int64_t amount = 0;
  uint64_t seed = 0;  // of what else is drawn
};

// What a stage's data do with its training, in steps of the stage.
struct StageFate {
  std::optional<uint32_t> error_after;  // the watchdog ends it
  std::optional<uint32_t> early_after;  // early stopping ends it
};

struct LifePlan {
  uint64_t seed = 0;
  RunSpec spec;
  std::vector<StageFate> fates;  // of each stage
  uint32_t save_steps = 0;       // 0: no checkpoints but those of a stop
  int lost_percent = 0, repeated_percent = 0;
  int delay_ms_max = 10;
  bool pipelined = false;  // ranks do not wait for answers: their messages overtake one another
  std::vector<Fault> faults;
};

LifePlan PlanOfSeed(uint64_t seed);

// For people: what the life is, a line for each fault.
std::string Describe(const LifePlan& plan);

// The first line of the life's scenario.
std::string RunLine(const LifePlan& plan);

// Draws without a standard library's distributions, which differ between machines.
class Draw {
 public:
  explicit Draw(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  // 0 … below-1. REQUIRES: below > 0.
  int64_t Below(int64_t below) {
    return static_cast<int64_t>(Next() % static_cast<uint64_t>(below));
  }
  bool Percent(int64_t percent) { return Below(100) < percent; }

 private:
  uint64_t state_;
};

// A good mix of two numbers: the step of every hash chain here.
uint64_t Mix(uint64_t a, uint64_t b);

}  // namespace strata
