// Goal: a recorded job is told from another of the same number. The rest of branch_jobs.h is run
// with a real Slurm in tests/system/slurm_test.py.
#include "coordinator/slurm/branch_jobs.h"

#include <gtest/gtest.h>

namespace strata {
namespace {

const JobRecord kRecord = {"5", "strata-x", "2026-01-01T00:00:00Z", "/data/x/jobs/5.sh"};

JobStates Known(const std::string& job, const std::string& script) {
  JobStates states;
  states.known[job] = {.state = "RUNNING", .script = script};
  return states;
}

TEST(StateOfTest, IsThatOfTheSameNumberAndFolder) {
  EXPECT_NE(StateOf(Known("5", "/data/x/jobs/submitting.sh"), kRecord), nullptr);
  EXPECT_EQ(StateOf(Known("6", "/data/x/jobs/submitting.sh"), kRecord), nullptr);
  EXPECT_EQ(StateOf(Known("5", "/data/y/jobs/submitting.sh"), kRecord), nullptr);
  EXPECT_EQ(StateOf(Known("5", "(null)"), kRecord), nullptr);  // of sbatch --wrap
}

TEST(StateOfTest, WhereTheScriptIsNotToldTheNumberIsAll) {
  EXPECT_NE(StateOf(Known("5", ""), kRecord), nullptr);
}

}  // namespace
}  // namespace strata
