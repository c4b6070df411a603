// Goal: what every worker is told agrees with what the core keeps. Method: the task of a default
// branch.
#include "coordinator/run/preparation.h"

#include "coordinator/core/run_core.h"
#include "gtest/gtest.h"

namespace strata {
namespace {

TEST(PreparationTest, WorkersAreToldTheLeaseThatTheCoreKeeps) {
  const v1::JoinReply task = TaskBasics(Config(), Base());
  EXPECT_EQ(task.lease_ms(), RunSpec().lease.count());
  EXPECT_LT(task.heartbeat_ms() * 3, task.lease_ms());
}

}  // namespace
}  // namespace strata
