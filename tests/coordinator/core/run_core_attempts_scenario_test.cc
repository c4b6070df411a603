// Goal: what follows a lost attempt, and from where. Method: scenarios as
// text; the indented lines are what the core must say.
#include "tests/coordinator/core/scenario.h"

namespace strata {
namespace {

TEST(RunCoreAttempts, LostAttemptIsFollowedFromTheCheckpointAfterAWhile) {
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
step 0 a 0.0.1
  training, ok
  record the step
saved 0 a 0.0.1 A
  training, ok
  | checkpoint: stage 0, epoch 0, step 1 A
  the checkpoint counts
fail 0 a out-of-memory
  leaving, ok: rank 0 failed: out-of-memory
  | lost: rank 0 failed: out-of-memory
  end the group
fail 0 a again
  leaving, aborted: this attempt is over
exit 1 ended
  waiting, ok
tick 500
  waiting, ok
tick 1000
  joining, ok
  | attempt: 1 ranks, from stage 0, epoch 0, step 1
  launch attempt 2
join 0/1 b attempt=2
  training, ok
  | joined: rank 0 on host0, cpu
step 0 b 0.0.0 attempt=2
  training, ok
step 0 b 0.0.1 attempt=2
  training, ok
  record the step
step 0 a 0.0.2
  training, aborted: this attempt is over
exit 2 signal-9
  leaving, ok: the workers ended before the training did (signal-9)
  | lost: the workers ended before the training did (signal-9)
  end the group
tick 2500
  leaving, ok
tick 3000
  leaving, ok
join 0/1 c attempt=3
  leaving, aborted: this attempt is over
exit 3 signal-9
  leaving, ok
)");
}

TEST(RunCoreAttempts, FewerRanksWillDoWhereSoManyWereAskedFor) {
  Expect(R"(run world=3 least=2 steps=4 restarts=3
start
  joining, ok
  | attempt: 3 ranks
  launch attempt 1
join 0/3 a
  joining, ok
  | joined: rank 0 on host0, cpu
tick 30000
  leaving, ok: rank 0 on host0 was not heard of for 20 s
  | lost: rank 0 on host0 was not heard of for 20 s
  end the group
exit 1 ended
  waiting, ok
tick 40000
  joining, ok
  | attempt: 2 ranks
  launch attempt 2
join 0/2 b attempt=2
  joining, ok
  | joined: rank 0 on host0, cpu
join 1/2 c attempt=2
  training, ok
  | joined: rank 1 on host1, cpu
exit 2 signal-9
  leaving, ok: the workers ended before the training did (signal-9)
  | lost: the workers ended before the training did (signal-9)
  end the group
exit 2 signal-9
  waiting, ok
tick 50000
  joining, ok
  | attempt: 2 ranks
  launch attempt 3
)");
}

TEST(RunCoreAttempts, WhatCanNotBeDoneIsNotTriedAgain) {
  Expect(R"(run world=1 steps=4 restarts=3
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
fail 0 a another-base permanent
  ended, ok
  | ended: rank 0 failed: another-base; current is untouched; find the cause, then train again to start over (resumable)
  end the group
  failed
)");
  Expect(R"(run world=1 steps=4 restarts=3
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
exit 1 status-127
  ended, ok
  | ended: the workers ended before the training did (status-127); current is untouched; find the cause, then train again to start over (resumable)
  end the group
  failed
)");
}

TEST(RunCoreAttempts, StopBetweenAttemptsEndsTheRun) {
  Expect(R"(run world=1 steps=4 restarts=3
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
exit 1 signal-9
  leaving, ok: the workers ended before the training did (signal-9)
  | lost: the workers ended before the training did (signal-9)
  end the group
stop
  ended, ok
  | stop: asked
  | ended: stopped as asked; current is untouched; the next train goes on from stage 0, epoch 0, step 1 (resumable)
  end the group
  interrupted
exit 1 late
  ended, ok
tick 9000
  ended, ok
)");
}

TEST(RunCoreAttempts, FailureAfterAStopIsAStop) {
  Expect(R"(run world=2 steps=4 restarts=3
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
stop
  training, ok
  | stop: asked
fail 1 b torn-down
  ended, ok
  | ended: stopped as asked; current is untouched; train again to start over (resumable)
  end the group
  interrupted
)");
}

TEST(RunCoreAttempts, AnotherProcessGoesOnFromTheJournal) {
  Expect(R"(run world=1 steps=2;2 restarts=1
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
step 0 a 0.0.1
  training, ok
  record the step
stage 0 a 0 A kept=1 reason=early
  training, ok
  | stage 0: trained, 1 equal replicas; early A
saved 0 a 1.0.0 B
  training, ok
  | checkpoint: stage 1, epoch 0, step 0 B
  the checkpoint counts
step 0 a 1.0.0
  training, ok
  record the step
crash
start
  joining, ok
  | attempt: 1 ranks, from stage 1, epoch 0, step 0
  launch attempt 2
beat 0 a
  joining, aborted: this attempt is over
join 0/1 b attempt=2
  training, ok
  | joined: rank 0 on host0, cpu
step 0 b 0.0.1 attempt=2
  training, ok
step 0 b 1.0.0 attempt=2
  training, ok
  record the step
stage 0 b 1 C attempt=2 kept=2
  training, ok
  | stage 1: trained, 1 equal replicas C
candidate 0 b C attempt=2
  committing, ok
  | proved: 1 replicas have the candidate C
  commit
committed v0001
  ended, ok
  | ended: v0001
  end the group
  completed
)");
}

TEST(RunCoreAttempts, CommitThatMayWorkLaterCanBeGoneOnWith) {
  Expect(R"(run world=1 steps=1 restarts=1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
stage 0 a 0 A kept=1
  training, ok
  | stage 0: trained, 1 equal replicas A
candidate 0 a A
  committing, ok
  | proved: 1 replicas have the candidate A
  commit
commit-failed disk-full
  ended, ok
  | ended: disk-full (resumable)
  end the group
  failed
)");
  Expect(R"(run world=1 steps=1 restarts=1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
stage 0 a 0 A kept=1
  training, ok
  | stage 0: trained, 1 equal replicas A
candidate 0 a A
  committing, ok
  | proved: 1 replicas have the candidate A
  commit
commit-refused all-zero
  ended, ok
  | ended: all-zero
  end the group
  failed
)");
}

TEST(RunCoreAttempts, WhoHangsIsNamed) {
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
beat 0 a headway=5
  training, ok
tick 1790000
  leaving, ok: rank 0 on host0 was not heard of for 20 s
  | lost: rank 0 on host0 was not heard of for 20 s
  end the group
beat 0 a headway=5 waits=1
  leaving, aborted: this attempt is over
beat 1 b headway=0
  leaving, aborted: this attempt is over
tick 1800001
  leaving, ok
)");
}

TEST(RunCoreAttempts, StragglerIsSaidOnceAndNotKilled) {
  Expect(R"(run world=3 steps=40 restarts=1
start
  joining, ok
  | attempt: 3 ranks
  launch attempt 1
join 0/3 a
  joining, ok
  | joined: rank 0 on host0, cpu
join 1/3 b
  joining, ok
  | joined: rank 1 on host1, cpu
join 2/3 c
  training, ok
  | joined: rank 2 on host2, cpu
beat 0 a headway=1 sums=20 busy=2000
  training, ok
beat 1 b headway=1 sums=20 busy=2100
  training, ok
beat 2 c headway=1 sums=20 busy=4200
  training, ok
  | straggler: rank 2 on host2 computes 2 times as long as the median rank; the others wait for it in every step
beat 2 c headway=2 sums=21 busy=4400
  training, ok
)");
}

}  // namespace
}  // namespace strata
