// Goal: where a run's figures go is said in keys whose mistakes are found before a run.
#include "coordinator/config/branch_yaml.h"
#include "gmock/gmock.h"
#include "tests/coordinator/config/branch_folder.h"

namespace strata {
namespace {

using testing::HasSubstr;

class ReportKeysTest : public testing::Test {
 protected:
  BranchFolder branch_;
};

TEST_F(ReportKeysTest, ReportsAreAWordOrAListAsTheTrainerTakesThem) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(branch_.Load("")->report_to, Names());
  EXPECT_EQ(branch_.Load("report_to: none\n")->report_to, Names());
  for (const char* all : {"tensorboard", "all", "[tensorboard]"})
    EXPECT_EQ(branch_.Load(std::string("report_to: ") + all + "\n")->report_to,
              Names{"tensorboard"});
  for (const char* wrong : {"wandb", "[tensorboard, wandb]", "[none, tensorboard]", "{}"})
    EXPECT_FALSE(branch_.Load(std::string("report_to: ") + wrong + "\n").ok()) << wrong;
}

TEST_F(ReportKeysTest, PlacesOfReportsAreRelativeToTheFileThatNamesThem) {
  EXPECT_EQ(branch_.Load("")->metrics_file, "");
  EXPECT_EQ(branch_.Load("metrics_file: ../m/strata_{branch}.prom\n")->metrics_file,
            (branch_.path().parent_path() / "m/strata_{branch}.prom").string());
  EXPECT_EQ(branch_.Load("logging_dir: /curves/{run}\n")->logging_dir, "/curves/{run}");
}

TEST_F(ReportKeysTest, PathsThatNobodyWouldReadAreRefused) {
  for (const char* path : {"metrics_file: m/{name}.prom", "logging_dir: '{run'", "logging_dir: {}"})
    EXPECT_FALSE(branch_.Load(std::string(path) + "\n").ok()) << path;
  const absl::Status status = branch_.Load("metrics_file: metrics.txt\n").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("end in .prom"));
}

}  // namespace
}  // namespace strata
