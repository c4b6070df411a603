// Goal: how a run ends before its time (ranks that go silent, stops, bad data) and how it commits,
// with the reason in words. Method: scenarios as text; the indented lines are what the core must
// say.
#include "tests/coordinator/core/scenario.h"

namespace strata {
namespace {

TEST(RunCoreScenario, RankThatIsNotHeardOfEndsTheRun) {
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
tick 20000
  training, ok
beat 0 a
  training, ok
tick 20001
  ended, ok
  | ended: rank 1 on host1 was not heard of for 20 s; current is untouched; find the cause, then train again to start over (resumable)
  end the group
  failed
beat 1 b
  ended, aborted: this attempt is over
)");
}

TEST(RunCoreScenario, RankThatDoesNotFollowTheFirstOneEndsTheRun) {
  Expect(R"(run world=2 steps=1
start
  joining, ok
  | attempt: 2 ranks
  launch attempt 1
tick 119000
  joining, ok
join 0/2 a
  joining, ok
  | joined: rank 0 on host0, cpu
tick 139000
  joining, ok
beat 0 a
  joining, ok
tick 139001
  ended, ok
  | ended: rank 1 did not join within 20 s of the first rank; current is untouched; find the cause, then train again to start over (resumable)
  end the group
  failed
)");
}

TEST(RunCoreScenario, RanksThatNeverJoinEndTheRun) {
  Expect(R"(run world=2 steps=1
start
  joining, ok
  | attempt: 2 ranks
  launch attempt 1
tick 120000
  joining, ok
tick 120001
  ended, ok
  | ended: rank 0 did not join within 120 s of its launch; current is untouched; find the cause, then train again to start over (resumable)
  end the group
  failed
)");
}

TEST(RunCoreScenario, StopIsPassedOnAndTheGroupLeaves) {
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
stop
  training, ok
  | stop: asked
beat 0 a
  training, stop
beat 1 b
  training, stop
exit 1 status-75
  ended, ok
  | ended: stopped as asked; current is untouched; train again to start over (resumable)
  end the group
  interrupted
)");
}

TEST(RunCoreScenario, StopThatIsNotObeyedIsForced) {
  Expect(R"(run world=1 steps=1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
tick 1000
  training, ok
stop
  training, ok
  | stop: asked
tick 15000
  training, ok
beat 0 a
  training, stop
tick 21000
  training, ok
tick 21001
  ended, ok
  | ended: stopped as asked; current is untouched; train again to start over (resumable)
  end the group
  interrupted
)");
}

TEST(RunCoreScenario, SecondStopEndsAtOnce) {
  Expect(R"(run world=1 steps=1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
stop
  training, ok
  | stop: asked
stop
  ended, ok
  | stop: asked again
  | ended: stopped as asked; current is untouched; train again to start over (resumable)
  end the group
  interrupted
stop
  ended, ok
)");
}

TEST(RunCoreScenario, StopWhileJoiningEndsAtOnce) {
  Expect(R"(run world=2 steps=1
start
  joining, ok
  | attempt: 2 ranks
  launch attempt 1
join 0/2 a
  joining, ok
  | joined: rank 0 on host0, cpu
stop
  ended, ok
  | stop: asked
  | ended: stopped as asked; current is untouched; train again to start over (resumable)
  end the group
  interrupted
join 1/2 b
  ended, aborted: this attempt is over
)");
}

TEST(RunCoreScenario, DataErrorIsSkippedWithoutStopOnError) {
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
stage 0 a 0 A error=nan
  training, ok
stage 1 b 0 A error=nan
  training, ok
  | stage 0: put back: nan A
stage 0 a 1 B
  training, ok
stage 1 b 1 B
  training, ok
  | stage 1: trained, 2 equal replicas B
candidate 0 a B
  committing, ok
  | proved: 2 replicas have the candidate B
  commit
committed v0001
  ended, ok
  | ended: v0001
  end the group
  completed
)");
}

TEST(RunCoreScenario, DataErrorEndsARunThatStopsOnErrors) {
  Expect(R"(run world=2 steps=1;1 stop_on_error
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
stage 0 a 0 A error=nan
  ended, aborted
  | ended: nan
  end the group
  failed
stage 1 b 0 A error=nan
  ended, aborted: this attempt is over
)");
}

TEST(RunCoreScenario, CommitThatFailsFailsTheRun) {
  Expect(R"(run world=1 steps=1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
candidate 0 a A
  training, ok
stage 0 a 0 A
  committing, ok
  | stage 0: trained, 1 equal replicas A
  | proved: 1 replicas have the candidate A
  commit
commit-failed disk-full
  ended, ok
  | ended: disk-full (resumable)
  end the group
  failed
committed v0001
  ended, ok
)");
}

TEST(RunCoreScenario, WhatHappensToTheRanksWhileCommittingNoLongerMatters) {
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
exit 1 status-1
  committing, ok
fail 0 a late
  committing, ok
stop
  committing, ok
tick 999999
  committing, ok
committed v0001
  ended, ok
  | ended: v0001
  end the group
  completed
)");
}

}  // namespace
}  // namespace strata
