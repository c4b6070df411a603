// Goal: each rank of a host gets a GPU of its own, or all are told that there are too few. Method:
// what ranks see, written down; no device is needed.
#include "worker/task/device_choice.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

using Seen = std::vector<std::vector<std::string>>;

TEST(DeviceChoiceTest, RanksThatSeeAllTakeOneEach) {
  const Seen seen(2, {"0000:1b:00.0", "0000:4c:00.0"});
  EXPECT_EQ(DeviceOf("auto", seen, 0), 0);
  EXPECT_EQ(DeviceOf("cuda", seen, 1), 1);
}

// As Slurm's --gpus-per-task makes it: each sees its own as number 0.
TEST(DeviceChoiceTest, RanksThatSeeOneEachTakeIt) {
  const Seen seen = {{"0000:1b:00.0"}, {"0000:4c:00.0"}};
  EXPECT_EQ(DeviceOf("auto", seen, 0), 0);
  EXPECT_EQ(DeviceOf("auto", seen, 1), 0);
}

TEST(DeviceChoiceTest, RanksThatSeeSomeTakeOneThatIsFree) {
  const Seen seen = {{"a", "b"}, {"b", "c"}, {"b", "c"}};
  EXPECT_EQ(DeviceOf("auto", seen, 0), 0);
  EXPECT_EQ(DeviceOf("auto", seen, 1), 0);
  EXPECT_EQ(DeviceOf("auto", seen, 2), 1);
}

TEST(DeviceChoiceTest, MoreRanksThanDevicesIsAnErrorOnEveryRankLeftOver) {
  const Seen seen(3, {"a", "b"});
  EXPECT_EQ(DeviceOf("auto", seen, 1), 1);
  try {
    DeviceOf("auto", seen, 2);
    FAIL() << "a rank without a device";
  } catch (const HopelessTask& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("2 CUDA devices for 3 ranks"));
    EXPECT_THAT(error.what(), testing::HasSubstr("workers"));
  }
}

TEST(DeviceChoiceTest, WithoutDevicesAutoComputesOnTheCpu) {
  EXPECT_EQ(DeviceOf("auto", Seen(2), 1), kNoDevice);
  EXPECT_EQ(DeviceOf("cpu", Seen(2, {"a"}), 1), kNoDevice);
  EXPECT_THROW(DeviceOf("cuda", Seen(2), 0), HopelessTask);
}

TEST(DeviceChoiceTest, WithoutACardNoDeviceIsSeen) {
  if (VisibleDevices().empty()) {
    EXPECT_EQ(DeviceName(0), "");
  }
  for (const std::string& address : VisibleDevices()) EXPECT_THAT(address, testing::HasSubstr(":"));
}

}  // namespace
}  // namespace strata
