// Goal: runs that end with a result in place of a version: evaluations and generations.
// Method: scenarios as text; the indented lines are what the core must say.
#include "tests/coordinator/core/scenario.h"

namespace strata {
namespace {

TEST(RunCoreScenario, EvaluationEndsWithItsResultAndCommitsNothing) {
  Expect(R"(run world=1 steps=1 evaluation
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
  training, invalid: only a training commits
evaluation 0 a
  ended, ok
  | ended: evaluated
  end the group
  completed
)");
}

TEST(RunCoreScenario, GenerationEndsWithItsResultOnly) {
  Expect(R"(run world=1 generation
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
step 0 a 0.0.0
  training, invalid: a step that the plan does not have, or not from rank 0
stage 0 a 0 A
  training, invalid: a stage that the plan does not have
candidate 0 a A
  training, invalid: only a training commits
evaluation 0 a
  training, invalid: a result that was not asked for, or not from rank 0
generation 0 a
  ended, ok
  | ended: generated
  end the group
  completed
generation 0 a
  ended, aborted: this attempt is over
)");
}

TEST(RunCoreScenario, GenerationIsStoppedAtOnceAndFailsInItsOwnWords) {
  const std::string begun = R"(run world=1 generation
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
)";
  Expect(begun + R"(stop
  ended, ok
  | stop: asked
  | ended: stopped as asked; nothing was changed
  end the group
  interrupted
)");
  Expect(begun + R"(exit 1 status-1
  ended, ok
  | ended: the workers ended before they had given their result (status-1); nothing was changed; find the cause, then try again
  end the group
  failed
)");
}

TEST(RunCoreScenario, ResultThatWasNotAskedForIsRefused) {
  Expect(R"(run world=1 steps=1
start
  joining, ok
  | attempt: 1 ranks
  launch attempt 1
join 0/1 a
  training, ok
  | joined: rank 0 on host0, cpu
evaluation 0 a
  training, invalid: a result that was not asked for, or not from rank 0
generation 0 a
  training, invalid: a result that was not asked for, or not from rank 0
)");
}

}  // namespace
}  // namespace strata
