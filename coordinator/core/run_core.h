// Decides the life of a run: who may join, when an attempt is over, when its adapter may be
// committed. Step(state, event, now) → effects: no clock, no socket, no file. The driver
// (coordinator/run) turns the world into events and carries the effects out; tests and the
// simulation do the same in memory.
//
// Model: a run is launched as an attempt of `world` ranks. Each rank joins, renews its lease,
// reports each stage with the digest of its replica; rank 0 hands in the candidate. When all ranks
// have finished the last stage with one digest and the candidate has that digest, it is committed.
// A run that evaluates or generates changes nothing: it ends when rank 0 has handed in its result.
//
// Invariants (checked after every step of the simulation):
//   one attempt is live at most; a message of another attempt or of an older incarnation changes
//   nothing; a (stage, epoch, step) is taken into the record once; a commit is asked for once, and
//   only when every rank has proved the candidate's digest.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
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

// What a run is, to the core.
struct RunSpec {
  RunId run;
  int world = 1;  // ranks of an attempt
  Purpose purpose = Purpose::kTrain;
  // Steps per epoch, of each stage. An evaluation has one stage of one epoch, a generation none.
  std::vector<std::vector<uint32_t>> stages;
  bool stop_on_dataset_error = false;
  Millis join_max{120'000};        // from the launch until a first rank has joined
  Millis join_spread_max{20'000};  // from the first join until every rank has joined
  Millis lease{20'000};            // a rank without a heartbeat for so long is lost
  Millis stop_grace{20'000};  // from a stop that was asked for until the group is ended by force
};

struct Caller {
  AttemptId attempt;
  Rank rank;
  std::string incarnation;
};

struct Position {
  uint32_t stage = 0, epoch = 0, step = 0;
  auto operator<=>(const Position&) const = default;
};

// Events: what happened in the world.
struct Started {};
struct Joined {
  Caller caller;
  int world = 0;
  std::string host, device;
};
struct Heartbeat {
  Caller caller;
  Position position;
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
};
struct GroupExited {
  AttemptId attempt;
  std::string how;  // "exit status 1", "signal 9"
  bool clean = false;
};
struct StopAsked {};  // SIGINT or SIGTERM
// What must be kept could not be: a line of effects.journal, whose effects were not carried out, or
// (not `decision`) a log's line.
struct JournalFailed {
  std::string reason;
  bool decision = true;
};
struct CommitEnded {
  bool ok = false;
  std::string reason;
};
struct Tick {};

using Event = std::variant<Started, Joined, Heartbeat, StepDone, EvaluationDone, StageFinished,
                           CandidateArrived, ResultArrived, RankFailed, GroupExited, StopAsked,
                           JournalFailed, CommitEnded, Tick>;

enum class Phase { kIdle, kJoining, kTraining, kCommitting, kEnded };
enum class Verdict { kCompleted, kFailed, kInterrupted };

// What the rank that called is told. Anything but kOk and kStop ends the worker.
enum class Answer { kOk, kStop, kAborted, kInvalid };

// A line of the run's journal: what the run's life is folded from after a restart.
struct JournalLine {
  // "attempt" began, "joined", "stage" ended with equal replicas or failed for its data, "proved"
  // for the commit, "stop" was asked for, "ended"
  std::string kind;
  std::string words;  // with the reason, for people
  AttemptId attempt;  // 0 before the first
  std::optional<uint32_t> stage = {};
  std::optional<Digest> adapter = {};  // that all replicas have
};

struct Effects {
  // Each line must be durable BEFORE anything below is carried out and before the caller is
  // answered; else the next event is JournalFailed.
  std::vector<JournalLine> journal;
  Answer answer = Answer::kOk;
  std::string why;                  // the reason of an answer that refuses, and of a verdict
  bool record_step = false;         // the step is new: write it to steps.jsonl
  bool record_evaluation = false;   // likewise
  std::optional<AttemptId> launch;  // start a worker group
  bool end_group = false;           // end the live group, by force when it does not leave by itself
  bool commit = false;              // check and commit the candidate; then CommitEnded
  std::optional<Verdict> verdict;   // the run is over
};

struct RankState {
  std::string incarnation;  // "" before it joined
  std::string host, device;
  Millis seen{0};
  Position position;
  std::map<uint32_t, Digest> finished;  // stage → the replica's digest
};

struct RunState {
  RunSpec spec;
  Phase phase = Phase::kIdle;
  AttemptId attempt;
  Millis launched{0};
  std::optional<Millis> first_join;
  std::vector<RankState> ranks;
  Position recorded;   // the first step not yet recorded
  Position evaluated;  // the first step after which an evaluation would be new
  bool stop_asked = false;
  Millis stop_since{0};
  std::map<uint32_t, std::string> stage_errors;
  std::map<uint32_t, StageEnd> stage_ends;  // of the stages that were trained
  std::optional<Digest> candidate;
  std::string failure;
};

// The state of a run not yet started. REQUIRES: spec.world ≥ 1; to train, at least one stage.
RunState NewRun(RunSpec spec);

// Moves the run on by one event. Never fails: an event that can't be is answered kInvalid or
// kAborted.
Effects Step(RunState& state, const Event& event, Millis now);

}  // namespace strata
