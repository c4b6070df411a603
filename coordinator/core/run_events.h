// Names what can happen to a run: the events that the driver, or a simulation, gives to the core.
// Takes nothing, gives run_core.h its vocabulary.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/ids.h"
#include "common/sha256.h"

namespace strata {

using Millis = std::chrono::milliseconds;  // since an epoch of the driver's choosing

// What a run is for. All but kTrain change nothing and commit nothing.
enum class Purpose { kTrain, kEvaluate, kGenerate };

struct Caller {
  AttemptId attempt;
  Rank rank;
  std::string incarnation;
};

// A step, or the place before it. Behind the last step of an epoch stands {stage, epoch, steps}.
struct Position {
  uint32_t stage = 0, epoch = 0, step = 0;
  auto operator<=>(const Position&) const = default;
};

struct Started {};
// What a rank computes with, for people.
struct RankSeat {
  std::string host = {};
  std::string device = {};       // "cpu", "cuda:0"
  std::string device_name = {};  // "NVIDIA H200"
  std::string cpus = {};         // "0-7"
  uint32_t threads = 0;
};
struct Joined {
  Caller caller;
  int world = 0;
  RankSeat seat = {};
  std::string launch = {};  // the same for all ranks that MPI started together
};
// What a rank has got done, by its own account.
struct RankProgress {
  uint64_t headway = 0;        // grows with everything that gets done
  bool in_collective = false;  // it waits for the others
  uint64_t reductions = 0;     // sums over the ranks
  Millis busy{0};              // outside of them, since the first
};
struct Heartbeat {
  Caller caller;
  Position position;
  RankProgress progress = {};
};
struct StepDone {
  Caller caller;
  Position position;
};
// The held-out rows were evaluated after this step.
struct EvaluationDone {
  Caller caller;
  Position after;
};
// A rank's state at the place before `next`: of rank 0 it is on disk, whole and read back; of any
// other it is proved by its digest.
struct CheckpointTaken {
  Caller caller;
  Position next;
  Digest state;
};
// A state of the training that every rank has proved and that is on disk.
struct Checkpoint {
  Position next;      // the place before this step
  AttemptId attempt;  // that took it
  Digest state;
  bool operator==(const Checkpoint&) const = default;
};
// How far a stage that was trained went.
struct StageEnd {
  uint32_t steps_kept = 0;  // whose updates the adapter has, counted over the epochs
  std::string reason;       // why these are not all of the plan's; ""
  bool operator==(const StageEnd&) const = default;
};
struct StageFinished {
  Caller caller;
  uint32_t stage = 0;
  std::optional<std::string> data_error;
  Digest adapter;
  StageEnd end = {};
};
struct CandidateArrived {
  Caller caller;
  Digest adapter;
};
// All of what a run that changes nothing was to give.
struct ResultArrived {
  Caller caller;
  Purpose of = Purpose::kEvaluate;
};
struct RankFailed {
  Caller caller;
  std::string reason;
  bool permanent = false;  // another attempt would fail in the same way
};
// The attempt's processes are gone, by themselves or because effects.end_group asked for it.
struct GroupExited {
  AttemptId attempt;
  std::string how;  // "exit status 1", "signal 9"
  bool clean = false;
};
// Between two attempts: the checkpoint that counts can't be read any more.
struct CheckpointDamaged {
  std::string why;
  std::optional<Checkpoint> instead;  // the newest older one that can; nullopt = none
};
struct StopAsked {};  // SIGINT, SIGTERM or SIGUSR1
// What must be kept could not be: a line of effects.journal, whose effects were not carried out, or
// (not `decision`) a log's line.
struct JournalFailed {
  std::string reason;
  bool decision = true;
};
struct CommitEnded {
  bool ok = false;
  std::string reason;
  bool permanent = false;  // not ok: the adapter itself is refused, doing it again changes nothing
};
struct Tick {};

using Event = std::variant<Started, Joined, Heartbeat, StepDone, EvaluationDone, CheckpointTaken,
                           CheckpointDamaged, StageFinished, CandidateArrived, ResultArrived,
                           RankFailed, GroupExited, StopAsked, JournalFailed, CommitEnded, Tick>;

}  // namespace strata
