// Goal: every decision of a run's life, with its reason in words, as the driver and the user see
// it. Method: scenarios as text; the indented lines are what the core must say.
#include "tests/coordinator/core/scenario.h"

namespace strata {
namespace {

TEST(RunCoreScenario, HappyPathCommitsOnceAndCompletes) {
  Expect(R"(run world=2 steps=2,1;1
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
step 0 a 0.0.1
  training, ok
  record the step
step 0 a 0.1.0
  training, ok
  record the step
stage 0 a 0 A
  training, ok
stage 1 b 0 A
  training, ok
  | stage 0: trained, 2 equal replicas A
step 0 a 1.0.0
  training, ok
  record the step
stage 0 a 1 B
  training, ok
candidate 0 a B
  training, ok
stage 1 b 1 B
  committing, ok
  | stage 1: trained, 2 equal replicas B
  | proved: 2 replicas have the candidate B
  commit
candidate 0 a B
  committing, ok
committed v0001
  ended, ok
  | ended: v0001
  end the group
  completed
)");
}

// Ranks of two worlds of MPI would wait for one another for ever.
TEST(RunCoreScenario, AnAttemptTakesTheRanksOfOneLaunch) {
  Expect(R"(run world=2 steps=4
start
  joining, ok
  | attempt: 2 ranks
  launch attempt 1
join 0/2 a launch=one
  joining, ok
  | joined: rank 0 on host0, cpu
join 1/2 b launch=two
  joining, aborted: rank 1 is of another launch than the ranks that have joined
join 1/2 c launch=one
  training, ok
  | joined: rank 1 on host1, cpu
)");
}

TEST(RunCoreScenario, StageThatEndsEarlyIsTrainedAndItsReasonIsKept) {
  Expect(R"(run world=2 steps=4,4
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
held-out 0 a 0.0.0
  training, ok
  record the evaluation
held-out 0 a 0.0.0
  training, ok
held-out 1 b 0.0.1
  training, invalid: an evaluation after a step that the plan does not have, or not from rank 0
held-out 0 a 0.2.0
  training, invalid: an evaluation after a step that the plan does not have, or not from rank 0
stage 0 a 0 A kept=9
  training, invalid: more steps kept than the stage has
stage 0 a 0 A kept=1 reason=stopped-early
  training, ok
stage 1 b 0 A kept=1 reason=stopped-early
  training, ok
  | stage 0: trained, 2 equal replicas; stopped-early A
candidate 0 a A
  committing, ok
  | proved: 2 replicas have the candidate A
  commit
committed v0001
  ended, ok
  | ended: v0001
  end the group
  completed
)");
}

TEST(RunCoreScenario, StopBeforeTheStartEndsTheRun) {
  Expect(R"(run world=1 steps=1
join 0/1 a
  idle, aborted: this attempt is over
beat 0 a attempt=0
  idle, aborted: this attempt is over
stop
  ended, ok
  | stop: asked
  | ended: stopped as asked; current is untouched; train again to start over (resumable)
  interrupted
start
  ended, invalid: the run has started already
)");
}

TEST(RunCoreScenario, DecisionsThatCannotBeKeptEndTheRun) {
  Expect(R"(run world=1 steps=1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
journal-failed disk-full
  ended, aborted
  | ended: disk-full (resumable)
  end the group
  failed
journal-failed disk-full
  ended, ok
)");
}

TEST(RunCoreScenario, LogThatCannotBeKeptDoesNotUndoACommit) {
  Expect(R"(run world=1 steps=1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
stage 0 a 0 A
  training, ok
  | stage 0: trained, 1 equal replicas A
candidate 0 a A
  committing, ok
  | proved: 1 replicas have the candidate A
  commit
log-failed disk-full
  committing, ok
committed v0001
  ended, ok
  | ended: v0001
  end the group
  completed
)");
}

TEST(RunCoreScenario, SecondStartIsRefused) {
  Expect(R"(run world=1 steps=1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
start
  joining, invalid: the run has started already
)");
}

TEST(RunCoreScenario, ReplicasThatDifferEndTheRun) {
  Expect(R"(run world=2 steps=1;1
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
stage 0 a 0 A
  training, ok
stage 1 b 0 B
  ended, aborted
  | ended: the ranks' adapters differ after stage 0 (1 and 0); check these machines' memory; current is untouched; find the cause, then train again to start over (resumable)
  end the group
  failed
stage 0 a 1 A
  ended, aborted: this attempt is over
committed v0001
  ended, ok
)");
}

TEST(RunCoreScenario, CandidateThatDiffersFromTheReplicasIsNotCommitted) {
  Expect(R"(run world=2 steps=1
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
stage 0 a 0 A
  training, ok
stage 1 b 0 A
  training, ok
  | stage 0: trained, 2 equal replicas A
candidate 0 a C
  ended, ok
  | ended: the candidate differs from a rank's replica; check the machines' memory; current is untouched; find the cause, then train again to start over (resumable)
  end the group
  failed
)");
}

TEST(RunCoreScenario, StaleAttemptChangesNothing) {
  Expect(R"(run world=1 steps=1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a attempt=2
  joining, aborted: this attempt is over
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
beat 0 a attempt=0
  training, aborted: this attempt is over
step 0 a 0.0.0 attempt=2
  training, aborted: this attempt is over
stage 0 a 0 A attempt=2
  training, aborted: this attempt is over
candidate 0 a A attempt=2
  training, aborted: this attempt is over
fail 0 a oom attempt=2
  training, aborted: this attempt is over
exit 2 signal-9
  training, ok
)");
}

TEST(RunCoreScenario, SecondIncarnationOfARankIsRefused) {
  Expect(R"(run world=2 steps=1
start
  joining, ok
  | attempt: 2 ranks
  launch attempt 1
join 0/2 a
  joining, ok
  | joined: rank 0 on host0, cpu
join 0/2 z
  joining, aborted: rank 0 has joined already
beat 0 z
  joining, aborted: rank 0 has another incarnation
step 0 z 0.0.0
  joining, aborted: rank 0 has another incarnation
join 0/2 a
  joining, ok
join 1/2 b
  training, ok
  | joined: rank 1 on host1, cpu
beat 1 a
  training, aborted: rank 1 has another incarnation
)");
}

TEST(RunCoreScenario, StrangersAreRefused) {
  Expect(R"(run world=2 steps=1
start
  joining, ok
  | attempt: 2 ranks
  launch attempt 1
join 0/3 a
  joining, invalid: rank 0 of 3 joined a run of 2 ranks; start as many as were asked for
join 2/2 a
  joining, invalid: rank 2 of 2 joined a run of 2 ranks; start as many as were asked for
join -1/2 a
  joining, invalid: rank -1 of 2 joined a run of 2 ranks; start as many as were asked for
beat 1 a
  joining, aborted: rank 1 has another incarnation
beat 7 a
  joining, invalid: the run has no rank 7
)");
}

TEST(RunCoreScenario, ExitBeforeTheCandidateFails) {
  Expect(R"(run world=1 steps=1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
stage 0 a 0 A
  training, ok
  | stage 0: trained, 1 equal replicas A
exit 1 signal-9
  ended, ok
  | ended: the workers ended before the training did (signal-9); current is untouched; find the cause, then train again to start over (resumable)
  end the group
  failed
candidate 0 a A
  ended, aborted: this attempt is over
)");
}

TEST(RunCoreScenario, RankThatFailsEndsTheRun) {
  Expect(R"(run world=2 steps=1
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
fail 1 b out-of-memory
  ended, ok
  | ended: rank 1 failed: out-of-memory; current is untouched; find the cause, then train again to start over (resumable)
  end the group
  failed
fail 0 a collective
  ended, aborted: this attempt is over
)");
}

TEST(RunCoreScenario, StepsAreRecordedOnceAndOnlyFromRankZeroOfThePlan) {
  Expect(R"(run world=2 steps=2
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
step 0 a 0.0.0
  training, ok
step 1 b 0.0.1
  training, invalid: a step that the plan does not have, or not from rank 0
step 0 a 0.0.2
  training, invalid: a step that the plan does not have, or not from rank 0
step 0 a 1.0.0
  training, invalid: a step that the plan does not have, or not from rank 0
step 0 a 0.0.1
  training, ok
  record the step
step 0 a 0.0.0
  training, ok
stage 0 a 1 A
  training, invalid: a stage that the plan does not have
candidate 1 b A
  training, invalid: only rank 0 hands in the candidate
)");
}

}  // namespace
}  // namespace strata
