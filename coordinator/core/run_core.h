// Decides the life of a run: who may join, when an attempt is over and whether another follows,
// which checkpoint counts, when the adapter may be committed. Step(state, event, now) → effects: no
// clock, no socket, no file. The driver (coordinator/run) turns the world into events and carries
// the effects out; tests and the simulation do the same in memory.
//
// Model: a run is launched as an attempt of `world` ranks. Each rank joins, renews its lease,
// reports each stage with the digest of its replica; rank 0 hands in the candidate. When all ranks
// have finished the last stage with one digest and the candidate has that digest, it is committed.
// Now and then all ranks prove one state of the training: from then on that checkpoint counts. An
// attempt that is lost is followed by another, from the last checkpoint that counts, until
// restarts_max attempts in a row brought none. A run that evaluates or generates changes nothing:
// it has one attempt and ends when rank 0 has handed in its result.
//
// Invariants (checked after every step of the simulation):
//   one attempt is live at most; a message of another attempt or of an older incarnation changes
//   nothing; a (stage, epoch, step) is taken into an attempt's record once; the checkpoint that
//   counts never goes back; a commit is asked for once at a time, and only when every rank has
//   proved the candidate's digest.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/core/run_events.h"

namespace strata {

// What a run is, to the core.
struct RunSpec {
  RunId run;
  int world = 1;  // ranks of an attempt
  int world_min =
      0;  // after an attempt whose ranks did not all join: so many will do; 0 is `world`
  Purpose purpose = Purpose::kTrain;
  // Steps per epoch, of each stage. An evaluation has one stage of one epoch, a generation none.
  std::vector<std::vector<uint32_t>> stages;
  bool stop_on_dataset_error = false;
  uint32_t restarts_max = 0;  // attempts after lost ones, in a row without a new checkpoint
  Millis backoff{1'000};      // before the first of them; it doubles each time, to …
  Millis backoff_max{60'000};
  Millis join_max{120'000};        // from the launch until a first rank has joined
  Millis join_spread_max{20'000};  // from the first join until every rank has joined
  Millis lease{20'000};            // a rank without a heartbeat for so long is lost
  Millis headway_max{1'800'000};   // no rank gets anything done for so long: the attempt hangs
  Millis stop_grace{20'000};  // from a stop that was asked for until the group is ended by force
};

enum class Phase {
  kIdle,
  kJoining,
  kTraining,
  kCommitting,
  kLeaving,  // the attempt is lost; its processes are being ended
  kWaiting,  // for the next attempt
  kEnded
};
enum class Verdict { kCompleted, kFailed, kInterrupted };

// What the rank that called is told. Anything but kOk and kStop ends the worker.
enum class Answer { kOk, kStop, kAborted, kInvalid };

// A line of the run's journal: what the run's life is folded from after a restart.
struct JournalLine {
  // "attempt" began, "joined", "stage" ended with equal replicas or failed for its data,
  // "checkpoint" counts, "damaged" is the one that did, "lost" is an attempt, "proved" for the
  // commit, "stop" was asked for, "straggler" was noticed, "ended"
  std::string kind;
  std::string words;  // with the reason, for people
  AttemptId attempt;  // 0 before the first
  std::optional<uint32_t> stage = {};
  std::optional<Digest> adapter = {};          // that all replicas have
  std::optional<StageEnd> end = {};            // of a stage that was trained
  std::optional<std::string> data_error = {};  // of a stage that was put back
  std::optional<Checkpoint> checkpoint = {};   // that counts from now on
  std::optional<bool> resumable = {};          // "ended": the next train may go on from here
  std::optional<Verdict> verdict = {};         // "ended"
};

struct Effects {
  // Each line must be durable BEFORE anything below is carried out and before the caller is
  // answered; else the next event is JournalFailed. What steps.jsonl has of the steps before a
  // checkpoint must be durable before its line.
  std::vector<JournalLine> journal;
  Answer answer = Answer::kOk;
  std::string why;                  // the reason of an answer that refuses, and of a verdict
  bool record_step = false;         // the step is new: write it to steps.jsonl
  bool record_evaluation = false;   // likewise
  bool checkpoint = false;          // state.checkpoint is new: older ones than the last two may go
  std::optional<AttemptId> launch;  // start a group of state.world ranks, from state.checkpoint
  bool end_group =
      false;            // end the live group, by force when it stays; then GroupExited if kLeaving
  bool commit = false;  // check and commit the candidate; then CommitEnded
  std::vector<std::string> warnings;  // for people; the run goes on
  std::optional<Verdict> verdict;     // the run is over
};

struct RankState {
  std::string incarnation;  // "" before it joined
  RankSeat seat;
  Millis seen{0};
  Position position;
  RankProgress progress;
  Millis headway_at{0};                 // when its headway grew last
  std::map<uint32_t, Digest> finished;  // stage → the replica's digest
  std::optional<Checkpoint> proof;      // the last that it has taken
  bool straggles = false;               // and it was said
};

struct RunState {
  RunSpec spec;
  Phase phase = Phase::kIdle;
  AttemptId attempt;
  int world = 1;  // ranks of the attempt
  Millis launched{0};
  std::optional<Millis> first_join;
  std::string joining;  // the launch that the ranks which have joined come from
  std::vector<RankState> ranks;
  Position recorded;                     // the first step not yet recorded
  Position evaluated;                    // the first step after which an evaluation would be new
  std::optional<Checkpoint> checkpoint;  // the last that counts
  uint32_t restarts = 0;                 // in a row without a new checkpoint
  Millis next_launch{0};                 // kWaiting
  bool stop_asked = false;
  Millis stop_since{0};
  std::map<uint32_t, std::string> stage_errors;
  std::map<uint32_t, StageEnd> stage_ends;  // of the stages that were trained
  std::optional<Digest> candidate;
};

// "stage 2, epoch 1, step 30": for people, counted from 0.
std::string PlaceText(const Position& at);

// The state of a run not yet started. REQUIRES: spec.world ≥ 1; to train, at least one stage.
RunState NewRun(RunSpec spec);

// The state that a journal leaves a run in, ready to be Started again: its attempts are counted on,
// its last checkpoint counts, and what ended before it stands. What the lines say of places that
// the plan does not have is passed over.
RunState Resumed(RunSpec spec, const std::vector<JournalLine>& journal);

// Moves the run on by one event. Never fails: an event that can't be is answered kInvalid or
// kAborted.
Effects Step(RunState& state, const Event& event, Millis now);

}  // namespace strata
