// Goal: whoever starts the workers, a run sees the same: every rank is there with what it was
// given, the end is told once, and nobody stays behind. Method: one suite for every launcher that
// starts processes, with workers of a few shell lines, and one for those and the one that starts
// none; srun's part runs in a Slurm allocation alone (tests/system/slurm_launch_test.py).
#include <sys/wait.h>

#include <cstdlib>

#include "tests/coordinator/launch/script_group.h"

namespace strata {
namespace {

using testing::HasSubstr;

constexpr char kSecret[] = "5e3d0b2a9c8f7d6e";
constexpr char kSleep[] = "exec sleep 60";
// One process: a child of it that outlives it keeps its srun's step, and all that wait for its
// cores.
constexpr char kIgnoreTerm[] = "trap '' TERM INT HUP\nexec sleep 60";

class LauncherContract : public ScriptGroup, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    const std::string kind = GetParam();
    if (kind == "srun" && std::getenv("SLURM_JOB_ID") == nullptr)
      GTEST_SKIP() << "srun needs an allocation";
    settings_.kind = kind == "srun"       ? LauncherKind::kSrun
                     : kind == "local"    ? LauncherKind::kLocal
                     : kind == "external" ? LauncherKind::kExternal
                                          : LauncherKind::kMpirun;
    if (kind == "mpirun over hosts") settings_.hosts = {"localhost:2"};
  }
  void ExpectRanksEnd(int ranks) {
    for (int rank = 0; rank < ranks; ++rank) {
      const pid_t pid = PidOf(rank);
      EXPECT_TRUE(Within(kEndSeconds, [&] { return !Lives(pid); })) << "rank " << rank;
    }
  }
};

TEST_P(LauncherContract, EveryRankHasItsNumberArgumentsAndEnvironment) {
  setenv("HANDED_ON", "from here", 1);
  settings_.worker_env = {"OF_THE_USER=a b", "HANDED_ON"};
  Launch launch = LaunchOf("echo \"$# $2 $STRATA_TOKEN $OF_THE_USER $HANDED_ON\" > said.$rank", 2);
  launch.arguments = {"--run", "a run's name"};
  launch.environment = {{"STRATA_TOKEN", kSecret}};
  const auto end = EndOf(*Start(launch));
  EXPECT_TRUE(end && end->clean) << Log();
  for (const std::string rank : {"0", "1"})
    EXPECT_EQ(Read("said." + rank), "2 a run's name " + std::string(kSecret) + " a b from here\n");
}

TEST_P(LauncherContract, NoCommandLineHoldsTheToken) {
  Launch launch = LaunchOf(kSleep, 2);
  launch.environment = {{"STRATA_TOKEN", kSecret}};
  const auto group = StartAndWait(launch);
  for (const auto& process : std::filesystem::directory_iterator("/proc"))
    EXPECT_THAT(Read(process.path() / "cmdline"), testing::Not(HasSubstr(kSecret)));
  // Empty while the shell becomes what it executes.
  EXPECT_TRUE(Within(kStartSeconds, [&] {
    return Read("/proc/" + std::to_string(PidOf(1)) + "/environ").find(kSecret) !=
           std::string::npos;
  }));
}

TEST_P(LauncherContract, ACleanEndIsToldOnce) {
  const auto group = Start(LaunchOf("echo from rank $rank", 2));
  const auto end = EndOf(*group);
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->clean) << end->how;
  EXPECT_FALSE(group->alive());
  EXPECT_FALSE(group->Poll());
  EXPECT_THAT(Log(), testing::AllOf(HasSubstr("from rank 0"), HasSubstr("from rank 1")));
}

TEST_P(LauncherContract, NothingIsToldWhileItLives) {
  const auto group = StartAndWait(LaunchOf(kSleep, 2));
  EXPECT_FALSE(group->Poll());
  EXPECT_TRUE(group->alive());
}

TEST_P(LauncherContract, ARankThatFailsEndsAll) {
  const auto group = Start(LaunchOf("[ $rank = 1 ] && exit 3\nexec sleep 60", 2));
  const auto end = EndOf(*group);
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->clean);
  EXPECT_THAT(end->how, HasSubstr("3"));
  ExpectRanksEnd(1);
}

TEST_P(LauncherContract, ARankThatIsKilledEndsAllAndIsNamed) {
  const auto group = StartAndWait(LaunchOf(kSleep, 2));
  Signal(PidOf(1), SIGKILL);
  const auto end = EndOf(*group);
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->clean);
  // Of its own words mpirun may lose the last.
  EXPECT_THAT(end->how, testing::AnyOf(testing::EndsWith("137"), HasSubstr("rank 1 on ")));
  ExpectRanksEnd(2);
}

TEST_P(LauncherContract, RanksThatIgnoreTermAreEnded) {
  const auto group = StartAndWait(LaunchOf(kIgnoreTerm, 2));
  group->End(3);
  EXPECT_FALSE(group->alive());
  ExpectRanksEnd(2);
}

TEST_P(LauncherContract, ItDiesWithWhatStartedIt) {
  const Launch launch = LaunchOf(kIgnoreTerm, 2);
  const pid_t parent = fork();
  if (parent == 0) {
    const auto group = MakeLauncher(settings_)->Start(launch);
    for (;;) pause();
  }
  EXPECT_TRUE(Within(kStartSeconds, [&] { return PidOf(0) > 0 && PidOf(1) > 0; })) << Log();
  Signal(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  ExpectRanksEnd(2);
}

TEST_P(LauncherContract, AMissingWorkerSaysWhatToBuild) {
  Launch launch = LaunchOf("exit 0");
  launch.worker = folder_.path() / "no-such-worker";
  const absl::Status status = MakeLauncher(settings_)->Check(launch);
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("deploy/setup.sh"));
}

// What a run relies on whoever starts the workers, also when it is the user.
class AnyLauncherContract : public LauncherContract {};

TEST_P(AnyLauncherContract, ItsProgramIsItsNameAndReachesAsFarAsItSays) {
  const auto launcher = MakeLauncher(settings_);
  const std::string kind = GetParam();
  EXPECT_EQ(launcher->name(), kind == "srun" || kind == "external" ? kind : "mpirun");
  EXPECT_EQ(launcher->leaves_this_machine(), kind != "local");
  EXPECT_EQ(launcher->waits_for_user(), kind == "external");
}

TEST_P(AnyLauncherContract, WhatCheckLetsPassCanBeStarted) {
  const Launch launch = LaunchOf(kSleep, 2);
  const absl::Status check = MakeLauncher(settings_)->Check(launch);
  EXPECT_TRUE(check.ok()) << check;
  EXPECT_FALSE(Start(launch)->Poll());
}

TEST_P(AnyLauncherContract, OnceEndedItIsNotAliveAndTellsNothingMore) {
  const auto group = Start(LaunchOf(kSleep, 2));
  group->End(3);
  EXPECT_FALSE(group->alive());
  EXPECT_FALSE(group->Poll());
  group->End(3);
}

std::string NameOf(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::erase(name, ' ');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Launchers, LauncherContract,
                         testing::Values("local", "mpirun over hosts", "srun"), NameOf);
INSTANTIATE_TEST_SUITE_P(Launchers, AnyLauncherContract,
                         testing::Values("local", "mpirun over hosts", "srun", "external"), NameOf);

}  // namespace
}  // namespace strata
