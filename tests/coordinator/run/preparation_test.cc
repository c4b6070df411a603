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

TEST(PreparationTest, WorkersAreToldTheAlphaOfPlainLora) {
  Config config;
  config.lora_r = 16;
  config.lora_alpha = 8;
  EXPECT_EQ(TaskBasics(config, Base()).lora().alpha(), 8);
  config.use_rslora = true;
  EXPECT_EQ(TaskBasics(config, Base()).lora().alpha(), 32);
}

}  // namespace
}  // namespace strata
