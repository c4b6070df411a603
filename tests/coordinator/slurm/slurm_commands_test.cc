// Goal: a missing or failing program of Slurm is told with what to do. Method: a PATH that lacks
// them, and one with a program that fails; the real ones are in tests/system/slurm_test.py.
#include "coordinator/slurm/slurm_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/common/folder.h"

namespace strata {
namespace {

using testing::HasSubstr;

class SlurmCommandsTest : public testing::Test {
 protected:
  SlurmCommandsTest() { setenv("PATH", (folder_.path().string() + ":/usr/bin:/bin").c_str(), 1); }
  ~SlurmCommandsTest() override { setenv("PATH", before_.c_str(), 1); }
  void Program(const std::string& name, const std::string& body) {
    const std::filesystem::path path = folder_.Write(name, "#!/bin/sh\n" + body + "\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }
  std::string before_ = std::getenv("PATH");
  Folder folder_;
};

TEST_F(SlurmCommandsTest, AMissingProgramSaysWhatToDo) {
  setenv("PATH", folder_.path().c_str(), 1);
  const absl::Status missing = SubmitScript("/x.sh").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()),
              testing::AllOf(HasSubstr("sbatch: no such program"), HasSubstr("strata train")));
}

TEST_F(SlurmCommandsTest, AFailingProgramIsQuoted) {
  Program("sbatch", "echo 'sbatch: error: invalid partition specified: x' >&2; exit 1");
  EXPECT_THAT(std::string(SubmitScript("/x.sh").status().message()),
              HasSubstr("invalid partition specified: x"));
}

TEST_F(SlurmCommandsTest, TheJobThatAsksIsKeptFromTheOneItSubmits) {
  setenv("SLURM_NTASKS", "7", 1);
  setenv("SLURM_CONF", "/kept", 1);
  Program("sbatch", "test -z \"$SLURM_NTASKS\" && test \"$SLURM_CONF\" = /kept && echo 5");
  EXPECT_EQ(SubmitScript("/x.sh").value_or("none"), "5");
  unsetenv("SLURM_NTASKS");
  unsetenv("SLURM_CONF");
}

TEST_F(SlurmCommandsTest, AJobThatSqueueForgotIsAskedOfSacct) {
  Program("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
  Program("sacct", "echo '5|COMPLETED|None|0:0|00:00:09|n1'");
  EXPECT_EQ(AskJobs({"5"})->known.at("5").state, "COMPLETED");
}

TEST_F(SlurmCommandsTest, WithoutADatabaseItIsSaid) {
  Program("squeue", "exit 0");
  Program("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1");
  const absl::StatusOr<JobStates> states = AskJobs({"5"});
  ASSERT_TRUE(states.ok());
  EXPECT_TRUE(states->known.empty());
  EXPECT_THAT(states->unasked, HasSubstr("keeps no accounts"));
}

}  // namespace
}  // namespace strata
