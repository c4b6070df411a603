// Goal: the time that a plan shows is what this branch measured on that device, or unknown.
// Method: steps.jsonl files of runs as the driver writes them.
#include "coordinator/run/estimate.h"

#include "common/json.h"
#include "gtest/gtest.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

class EstimateTest : public testing::Test {
 protected:
  void Step(const std::string& run, const std::string& device, int tokens, double seconds) {
    lines_[run] += DumpJson({{"device", device}, {"tokens", tokens}, {"seconds", seconds}}) + "\n";
    folder_.Write(run + "/steps.jsonl", lines_[run]);
  }
  double Rate(const std::string& device) { return MeasuredTokensPerSecond(folder_.path(), device); }
  Folder folder_;
  std::map<std::string, std::string> lines_;
};

TEST_F(EstimateTest, RateIsUnknownBeforeAFirstRun) {
  EXPECT_EQ(Rate("cpu"), 0);
  EXPECT_EQ(MeasuredTokensPerSecond(folder_.path() / "nowhere", "cpu"), 0);
  folder_.Write("20251031-104042-3f9a/steps.jsonl", "torn {");
  EXPECT_EQ(Rate("auto"), 0);
}

TEST_F(EstimateTest, RateIsThatOfTheLastRunOnTheDevice) {
  Step("20251031-104042-3f9a", "cuda:0", 1000, 0.5);
  Step("20251101-000000-aaaa", "cpu", 100, 1);
  Step("20251101-000000-aaaa", "cpu", 300, 1);
  EXPECT_EQ(Rate("cpu"), 200);
  EXPECT_EQ(Rate("cuda"), 2000);
  EXPECT_EQ(Rate("auto"), 200);
}

}  // namespace
}  // namespace strata
