// Goal: which checkpoint counts, and which no longer does. Method: scenarios as
// text; the indented lines are what the core must say.
#include "tests/coordinator/core/scenario.h"

namespace strata {
namespace {

TEST(RunCoreCheckpoints, CheckpointCountsOnceEveryRankHasProvedIt) {
  Expect(R"(run world=2 steps=4 restarts=1
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
step 0 a 0.0.0
  training, ok
  record the step
saved 1 b 0.0.1 A
  training, ok
saved 0 a 0.0.1 A
  training, ok
  | checkpoint: stage 0, epoch 0, step 1 A
  the checkpoint counts
saved 0 a 0.0.1 A
  training, ok
step 0 a 0.0.1
  training, ok
  record the step
saved 0 a 0.0.2 B
  training, ok
saved 1 b 0.0.1 C
  training, ok
)");
}

TEST(RunCoreCheckpoints, PlacesThatThePlanDoesNotHaveAreRefused) {
  Expect(R"(run world=1 steps=2,1;3 restarts=1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
saved 0 a 0.0.0 A
  training, invalid: a checkpoint at a place that the plan does not have
saved 0 a 0.0.3 A
  training, invalid: a checkpoint at a place that the plan does not have
saved 0 a 0.2.1 A
  training, invalid: a checkpoint at a place that the plan does not have
saved 0 a 1.1.0 A
  training, invalid: a checkpoint at a place that the plan does not have
saved 0 a 2.0.0 A
  training, invalid: a checkpoint at a place that the plan does not have
saved 0 a 1.0.0 A
  training, ok
saved 0 a 0.0.1 A
  training, ok
)");
}

TEST(RunCoreCheckpoints, StageBeginningCountsOnceEveryRankHasEndedTheStageBefore) {
  Expect(R"(run world=2 steps=1;1 restarts=1
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
step 0 a 0.0.0
  training, ok
  record the step
stage 0 a 0 A kept=1
  training, ok
saved 0 a 1.0.0 B
  training, ok
saved 1 b 1.0.0 B
  training, ok
stage 1 b 0 A kept=1
  training, ok
  | stage 0: trained, 2 equal replicas A
step 0 a 1.0.0
  training, ok
  record the step
saved 0 a 1.0.1 C
  training, ok
saved 1 b 1.0.1 C
  training, ok
  | checkpoint: stage 1, epoch 0, step 1 C
  the checkpoint counts
)");
}

TEST(RunCoreCheckpoints, StatesThatDifferLoseTheAttemptAndNameTheRank) {
  Expect(R"(run world=2 steps=4 restarts=1
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
step 0 a 0.0.0
  training, ok
  record the step
saved 0 a 0.0.1 A
  training, ok
saved 1 b 0.0.1 B
  leaving, aborted: the states of the ranks differ before stage 0, epoch 0, step 1: rank 0's is not that of rank 1 on host1; check these machines' memory
  | lost: the states of the ranks differ before stage 0, epoch 0, step 1: rank 0's is not that of rank 1 on host1; check these machines' memory
  end the group
beat 0 a
  leaving, aborted: this attempt is over
)");
}

TEST(RunCoreCheckpoints, NewCheckpointGivesTheAttemptsBack) {
  Expect(R"(run world=1 steps=4 restarts=1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
exit 1 signal-9
  leaving, ok: the workers ended before the training did (signal-9)
  | lost: the workers ended before the training did (signal-9)
  end the group
exit 1 signal-9
  waiting, ok
tick 2000
  joining, ok
  | attempt: 1 ranks
  launch attempt 2
join 0/1 b attempt=2
  training, ok
  | joined: rank 0 on host0, cpu
step 0 b 0.0.0 attempt=2
  training, ok
  record the step
saved 0 b 0.0.1 A attempt=2
  training, ok
  | checkpoint: stage 0, epoch 0, step 1 A
  the checkpoint counts
exit 2 signal-9
  leaving, ok: the workers ended before the training did (signal-9)
  | lost: the workers ended before the training did (signal-9)
  end the group
)");
}

TEST(RunCoreCheckpoints, DamagedCheckpointGivesWayToAnOlderOneOrTheBeginning) {
  Expect(R"(run world=1 steps=4 restarts=2
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
damaged flipped-bit
  training, ok
step 0 a 0.0.1
  training, ok
  record the step
saved 0 a 0.0.2 B
  training, ok
  | checkpoint: stage 0, epoch 0, step 2 B
  the checkpoint counts
exit 1 signal-9
  leaving, ok: the workers ended before the training did (signal-9)
  | lost: the workers ended before the training did (signal-9)
  end the group
damaged flipped-bit A instead=0.0.1
  leaving, ok
  | damaged: the checkpoint before stage 0, epoch 0, step 2 can't be used: flipped-bit; the run goes on from stage 0, epoch 0, step 1 A
exit 1 ended
  waiting, ok
tick 5000
  joining, ok
  | attempt: 1 ranks, from stage 0, epoch 0, step 1
  launch attempt 2
join 0/1 b attempt=2
  training, ok
  | joined: rank 0 on host0, cpu
step 0 b 0.0.1 attempt=2
  training, ok
  record the step
crash
damaged gone
  idle, ok
  | damaged: the checkpoint before stage 0, epoch 0, step 1 can't be used: gone; the run goes on from its beginning
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 3
)");
}

}  // namespace
}  // namespace strata
