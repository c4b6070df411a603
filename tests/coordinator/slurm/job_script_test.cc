// Goal: the script that is submitted asks Slurm for what was asked for and trains each branch.
// Method: golden scripts in tests/testdata/slurm; STRATA_REGOLD=1 writes them anew.
#include "coordinator/slurm/job_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Job SmallJob() {
  Job job;
  job.name = "strata-antropología";
  job.options = {"--nodes=2", "--comment=two words"};
  job.train_arguments = {"--set", "save_steps=5"};
  job.strata = "/opt/my strata/bin/strata";
  job.job_template = {"deploy/slurm/job.sh", std::string(JobTemplateText())};
  job.branches = {"/data/50% done/antropologia"};
  return job;
}

void ExpectGolden(const std::string& text, const std::string& name) {
  const std::string path = std::string(STRATA_TESTDATA) + "/slurm/" + name;
  if (std::getenv("STRATA_REGOLD") != nullptr) std::ofstream(path) << text;
  std::stringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(text, golden.str()) << path;
}

TEST(JobScriptTest, OfOneBranchThatWaitsForItsLastJob) {
  Job job = SmallJob();
  job.after = {"7", "8_1"};
  ExpectGolden(*JobScript(job), "one_branch.sh");
}

TEST(JobScriptTest, OfAnArray) {
  Job job = SmallJob();
  job.name = "strata";
  job.train_arguments.clear();
  job.branches = {"/data/a", "/data/b c", "/data/it's"};
  ExpectGolden(*JobScript(job), "array.sh");
}

TEST(JobScriptTest, ATemplateWithoutBranchesIsRefused) {
  Job job = SmallJob();
  job.job_template = {"mine.sh", "#!/bin/bash\n{{sbatch}}\n"};
  EXPECT_THAT(std::string(JobScript(job).status().message()), HasSubstr("mine.sh: has no {{bran"));
}

TEST(JobScriptTest, AnOptionOfTwoLinesIsRefused) {
  Job job = SmallJob();
  job.options = {"--comment=a\nrm -rf /"};
  EXPECT_EQ(JobScript(job).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(JobScriptTest, OptionsThatMakeNoKnownJobAreRefused) {
  for (const char* option : {"--wait", "-W", "--test-only", "--wrap=true", "--arr=0-1", "-a0-1",
                             "-dafterok:1", "--depend=afterok:1"}) {
    Job job = SmallJob();
    job.options = {option};
    EXPECT_EQ(JobScript(job).status().code(), absl::StatusCode::kInvalidArgument) << option;
  }
  Job job = SmallJob();
  job.options = {"--wait-all-nodes=1", "--account=a", "--dependency=afterok:1"};
  EXPECT_TRUE(JobScript(job).ok()) << JobScript(job).status();
}

TEST(JobScriptTest, TheUsersOwnDependencyIsKept) {
  Job job = SmallJob();
  job.options = {"--dependency=afterok:3", "--dependency=afterok:5"};
  job.after = {"7", "8"};
  const std::string script = *JobScript(job);
  EXPECT_THAT(script, HasSubstr("#SBATCH --dependency=afterok:5,afterany:7:8\n"));
  EXPECT_THAT(script, testing::Not(HasSubstr("afterok:3")));
  job.options = {"--dependency=afterok:5?afterok:6"};
  EXPECT_EQ(JobScript(job).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(JobScriptTest, AFolderThatNoRecordCanNameIsRefused) {
  for (const char* folder : {"/data/a\nb", "/data/lat\351"}) {
    Job job = SmallJob();
    job.branches = {folder};
    EXPECT_EQ(JobScript(job).status().code(), absl::StatusCode::kInvalidArgument) << folder;
  }
}

TEST(SbatchOptionsTest, AskForTheBranchsWorkersWhereNothingIsSaid) {
  EXPECT_THAT(SbatchOptions({}, {}, 3), ElementsAre("--ntasks=3"));
  EXPECT_THAT(SbatchOptions({.nodes = 4}, {}, 3), ElementsAre("--nodes=4", "--ntasks=4"));
}

TEST(SbatchOptionsTest, AskForATaskForEachGpu) {
  EXPECT_THAT(SbatchOptions({.gpus_per_node = 8}, {}, 3),
              ElementsAre("--nodes=1", "--ntasks-per-node=8", "--gpus-per-node=8"));
  EXPECT_THAT(SbatchOptions({.nodes = 4, .gpus_per_node = 8, .ntasks_per_node = 2}, {}, 3),
              ElementsAre("--nodes=4", "--ntasks-per-node=2", "--gpus-per-node=8"));
}

TEST(SbatchOptionsTest, AskForATaskForEachGpuHoweverTheGpusAreAskedFor) {
  for (const char* gpus :
       {"--gres=gpu:4", "--gres=gpu:h200:4", "--gres=nvme:1,gpu:4,x:2", "--gpus-per-node=a:4"})
    EXPECT_THAT(SbatchOptions({}, {gpus}, 1),
                ElementsAre(gpus, "--nodes=1", "--ntasks-per-node=4"));
  EXPECT_THAT(SbatchOptions({.sbatch_args = {"--gres=gpu:2"}}, {"--gres=gpu:4"}, 1),
              ElementsAre("--gres=gpu:4", "--nodes=1", "--ntasks-per-node=2", "--gres=gpu:2"));
  EXPECT_THAT(SbatchOptions({}, {"--gres=shard:4", "-n3"}, 1),
              ElementsAre("--gres=shard:4", "-n3"));
}

TEST(SbatchOptionsTest, ThoseOfTheCommandLineComeLast) {
  JobResources resources{.time = "2:00:00", .partition = "gpu", .sbatch_args = {"--partition=x"}};
  EXPECT_THAT(
      SbatchOptions(resources, {"--partition=cpu", "-n2"}, 3),
      ElementsAre("--partition=cpu", "-n2", "--time=2:00:00", "--partition=gpu", "--partition=x"));
}

}  // namespace
}  // namespace strata
