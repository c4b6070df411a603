// Goal: what an attempt or a coordinator goes on from when the one before it was lost, and what has
// to be proved before anything counts. Method: scenarios as text; the indented lines are what the
// core must say.
#include "tests/coordinator/core/scenario.h"

namespace strata {
namespace {

TEST(RunCoreScenario, LostAttemptIsFollowedFromTheCheckpoint) {
  Expect(R"(run world=1 steps=3 restarts=1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
step 0 a 0.0.0
  training, ok
  record the step
saved 0 a 0.0.1 A
  training, ok
  | checkpoint: stage 0, epoch 0, step 1 A
  the checkpoint counts
step 0 a 0.0.1
  training, ok
  record the step
exit 1 signal-9
  leaving, ok: the workers ended before the training did (signal-9)
  | lost: the workers ended before the training did (signal-9)
  end the group
exit 1 ended
  waiting, ok
tick 999
  waiting, ok
tick 1000
  joining, ok
  | attempt: 1 ranks, from stage 0, epoch 0, step 1
  launch attempt 2
step 0 a 0.0.2
  joining, aborted: this attempt is over
join 0/1 b attempt=2
  training, ok
  | joined: rank 0 on host0, cpu
step 0 b 0.0.1 attempt=2
  training, ok
  record the step
)");
}

TEST(RunCoreScenario, CoordinatorTakesTheRunUpFromTheLastWholeCheckpoint) {
  Expect(R"(run world=1 steps=3
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
step 0 a 0.0.0
  training, ok
  record the step
saved 0 a 0.0.1 A
  training, ok
  | checkpoint: stage 0, epoch 0, step 1 A
  the checkpoint counts
crash
start
  joining, ok
  | attempt: 1 ranks, from stage 0, epoch 0, step 1
  launch attempt 2
beat 0 a
  joining, aborted: this attempt is over
crash without=0.0.1@1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 3
unkept 1
crash
start
  joining, ok
  | attempt: 1 ranks, from stage 0, epoch 0, step 1
  launch attempt 3
)");
}

TEST(RunCoreScenario, CheckpointWaitsForTheStagesBeforeIt) {
  Expect(R"(run world=1 steps=1;2
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
step 0 a 1.0.0
  training, ok
  record the step
saved 0 a 1.0.1 B
  training, ok
stage 0 a 0 A
  training, ok
  | stage 0: trained, 1 equal replicas A
step 0 a 1.0.1
  training, ok
  record the step
saved 0 a 1.0.2 C
  training, ok
  | checkpoint: stage 1, epoch 0, step 2 C
  the checkpoint counts
)");
}

TEST(RunCoreScenario, CommitWaitsForEveryStage) {
  Expect(R"(run world=1 steps=1;1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
stage 0 a 1 B
  training, ok
  | stage 1: trained, 1 equal replicas B
candidate 0 a B
  training, ok
stage 0 a 0 A error=nan
  committing, ok
  | stage 0: put back: nan A
  | proved: 1 replicas have the candidate B
  commit
)");
}

TEST(RunCoreScenario, StragglerIsSaidOnceAndNeverBesideACommit) {
  const std::string begun = R"(run world=2 steps=1
start
  joining, ok
  | attempt: 2 ranks
  launch attempt 1
join 0/2 a
  joining, ok
  | joined: rank 0 on host0, cpu
join 1/2 b
  training, ok
  | joined: rank 1 on host1, cpu
)";
  Expect(begun + R"(beat 0 a headway=1 sums=20 busy=100
  training, ok
beat 1 b headway=1 sums=20 busy=400
  training, ok
  | straggler: rank 1 on host1 computes 4 times as long as the median rank; the others wait for it in every step
beat 1 b headway=2 sums=21 busy=420
  training, ok
)");
  Expect(begun + R"(stage 0 a 0 A
  training, ok
stage 1 b 0 A
  training, ok
  | stage 0: trained, 2 equal replicas A
candidate 0 a A
  committing, ok
  | proved: 2 replicas have the candidate A
  commit
beat 0 a headway=1 sums=20 busy=100
  committing, ok
beat 1 b headway=1 sums=20 busy=400
  committing, ok
)");
}

}  // namespace
}  // namespace strata
