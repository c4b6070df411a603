// Goal: what a branch asks of its base is settled before anything runs. Method: the base under
// tests/testdata with one field changed.
#include "coordinator/run/preparation.h"

#include "coordinator/core/run_core.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

class PreparationTest : public testing::Test {
 protected:
  PreparationTest() {
    base_.Write("model.safetensors", "weights");
    config_.branch = base_.path();
    config_.model_name_or_path = base_.path();
  }
  // Of a base whose weights are kept in `on_disk`.
  std::string ComputedIn(const std::string& on_disk) {
    base_.Set("config.json", "torch_dtype", on_disk);
    const auto base = OpenBase(config_);
    EXPECT_TRUE(base.ok()) << base.status();
    return base.ok() ? base->dtype : "";
  }
  BaseFolder base_;
  Config config_;
};

TEST_F(PreparationTest, ComputesInTheBasesPrecisionAndInFloat32ForFloat16) {
  EXPECT_EQ(ComputedIn("float32"), "float32");
  EXPECT_EQ(ComputedIn("bfloat16"), "bfloat16");
  EXPECT_EQ(ComputedIn("float16"), "float32");
}

TEST_F(PreparationTest, ComputesInThePrecisionThatIsAskedFor) {
  config_.dtype = "bfloat16";
  EXPECT_EQ(ComputedIn("float16"), "bfloat16");
}

TEST_F(PreparationTest, WorkersAreToldTheLeaseThatTheCoreKeeps) {
  const v1::JoinReply task = TaskBasics(config_, Base());
  EXPECT_EQ(task.lease_ms(), RunSpec().lease.count());
  EXPECT_LT(task.heartbeat_ms() * 3, task.lease_ms());
}

}  // namespace
}  // namespace strata
