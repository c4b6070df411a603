// Goal: what Slurm says is understood, and where there is none that is said. Method: texts of the
// real srun; the launcher itself is run by launcher_contract_test.cc.
#include "coordinator/launch/srun_launcher.h"

#include <cstdlib>

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::HasSubstr;

TEST(PmiTest, PmixIsPreferred) {
  EXPECT_EQ(PmiOf("MPI plugin types are...\n\tnone\n\tpmi2\n\tpmix\nspecific pmix plugin versions "
                  "available: pmix_v4\n"),
            "pmix");
  EXPECT_EQ(PmiOf("MPI plugin types are...\n\tnone\n\tcray_shasta\n\tpmi2\n"), "pmi2");
}

TEST(PmiTest, NeitherIsNone) {
  EXPECT_EQ(PmiOf("MPI plugin types are...\n\tnone\n\tcray_shasta\n"), "");
  EXPECT_EQ(PmiOf("srun: error: pmix_v9 is not there"), "");
}

TEST(TaskThatDiedTest, IsReadFromWhatSrunWrote) {
  EXPECT_EQ(TaskThatDied("hello\nsrun: error: node7: task 1: Killed\n"
                         "srun: error: node8: tasks 2-3: Terminated\n"),
            "rank 1 on node7 died: Killed");
  EXPECT_EQ(TaskThatDied("srun: error: a: tasks 0-1: Segmentation fault (core dumped)"),
            "rank 0-1 on a died: Segmentation fault (core dumped)");
}

TEST(TaskThatDiedTest, AnExitCodeIsNoDeath) {
  EXPECT_EQ(TaskThatDied("srun: error: a: task 0: Exited with exit code 3\n"), "");
  for (const char* words : {"", "srun: error: ", "srun: error: a: task", "srun: error: a: task 1"})
    EXPECT_EQ(TaskThatDied(words), "") << words;
}

TEST(WhySrunEndedTest, ItIsTheTaskThatDiedOrSrunsFirstError) {
  EXPECT_EQ(WhySrunEnded("srun: error: n1: task 0: Exited with exit code 3\n"), "");
  EXPECT_EQ(WhySrunEnded("srun: error: Unable to create step for job 7: Invalid node name\n"
                         "srun: error: another\n"),
            "Unable to create step for job 7: Invalid node name");
  EXPECT_EQ(WhySrunEnded("srun: error: task 0 launch failed: Invalid MPI plugin name\n"),
            "task 0 launch failed: Invalid MPI plugin name");
  EXPECT_EQ(WhySrunEnded("srun: error: odd\nsrun: error: n1: task 0: Killed\n"),
            "rank 0 on n1 died: Killed");
}

TEST(SrunLauncherTest, OutsideAnAllocationItSaysWhatToDo) {
  if (std::getenv("SLURM_JOB_ID") != nullptr) GTEST_SKIP() << "this is an allocation";
  LauncherSettings settings;
  settings.kind = LauncherKind::kSrun;
  const absl::Status status = MakeLauncher(settings)->Check({});
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()),
              testing::AnyOf(HasSubstr("strata submit"), HasSubstr("no program on PATH")));
}

TEST(LauncherTest, AutoGoesByHostsAndTheAllocation) {
  LauncherSettings settings;
  settings.kind = LauncherKind::kAuto;
  if (std::getenv("SLURM_JOB_ID") == nullptr) {
    EXPECT_FALSE(MakeLauncher(settings)->leaves_this_machine());
  }
  settings.hosts = {"node7"};
  EXPECT_EQ(MakeLauncher(settings)->name(), "mpirun");
  EXPECT_TRUE(MakeLauncher(settings)->leaves_this_machine());
}

}  // namespace
}  // namespace strata
