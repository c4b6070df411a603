// Goal: a group is started as the run asked, in a world of its own, and what keeps it from starting
// is said. Method: the real mpirun with workers of a few shell lines.
#include <cstdlib>

#include "common/posix_file.h"
#include "tests/coordinator/launch/script_group.h"

namespace strata {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr char kSecret[] = "5e3d0b2a9c8f7d6e";
constexpr char kSleep[] = "exec sleep 600";

class MpirunLauncherTest : public ScriptGroup {
 protected:
  void ExpectNotFound(const Launch& launch, const std::string& what, const std::string& cure) {
    const auto group = MakeLauncher(settings_)->Start(launch);
    EXPECT_EQ(group.status().code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(group.status().message()), AllOf(HasSubstr(what), HasSubstr(cure)));
    EXPECT_FALSE(std::filesystem::exists(launch.log));
  }
  // Of every process of the group: a file of /proc, or what the links of a folder there say.
  std::vector<std::string> OfEveryProcess(const std::string& file) {
    std::vector<std::string> texts;
    for (const pid_t pid : Session())
      texts.push_back(Read("/proc/" + std::to_string(pid) + "/" + file));
    return texts;
  }
  std::vector<std::string> OpenFiles() {
    std::vector<std::string> files;
    for (const pid_t pid : Session()) {
      std::error_code gone;
      for (const auto& link :
           std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone))
        files.push_back(std::filesystem::read_symlink(link, gone));
    }
    return files;
  }
};

TEST_F(MpirunLauncherTest, AMissingMpirunSaysWhatToInstall) {
  Launch launch = LaunchOf("exit 0");
  settings_.mpirun = "no-such-mpirun";
  ExpectNotFound(launch, "no-such-mpirun", "apt-get install openmpi-bin");
}

TEST_F(MpirunLauncherTest, AMissingWorkerSaysWhatToBuild) {
  Launch launch = LaunchOf("exit 0");
  launch.worker = folder_.path() / "no-such-worker";
  ExpectNotFound(launch, "no-such-worker", "deploy/setup.sh");
}

TEST_F(MpirunLauncherTest, AWorkerThatCannotBeStartedIsMissing) {
  Launch launch = LaunchOf("exit 0");
  launch.worker = folder_.path();
  ExpectNotFound(launch, folder_.path().string(), "deploy/setup.sh");
  launch.worker = folder_.Write("text", "only text");
  ExpectNotFound(launch, "text", "deploy/setup.sh");
}

TEST_F(MpirunLauncherTest, ALogThatCannotBeWrittenIsUnavailable) {
  Launch launch = LaunchOf("exit 0");
  launch.log = folder_.path() / "missing/worker.log";
  const auto group = MakeLauncher(settings_)->Start(launch);
  EXPECT_EQ(group.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(group.status().message()), HasSubstr(launch.log.string()));
}

TEST_F(MpirunLauncherTest, EveryRankIsGivenArgumentsAndEnvironment) {
  Launch launch = LaunchOf("echo \"$# $2 $STRATA_TOKEN\" > said.$OMPI_COMM_WORLD_RANK", 2);
  launch.arguments = {"--run", "a run's name"};
  launch.environment = {{"STRATA_TOKEN", kSecret}};
  const auto end = EndOf(*Start(launch));
  EXPECT_TRUE(end && end->clean) << Log();
  for (const std::string rank : {"0", "1"})
    EXPECT_EQ(Read("said." + rank), "2 a run's name " + std::string(kSecret) + "\n");
}

TEST_F(MpirunLauncherTest, HostsOfOneNameInTwoDomainsAreTwo) {
  // Once one has failed, mpirun ends the others.
  const std::filesystem::path agent = folder_.Write(
      "agent",
      "#!/bin/sh\ncd " + folder_.path().string() +
          "\necho \"$1\" >>called\n"
          "for i in $(seq 200); do [ $(wc -l <called) -ge 2 ] && exit 1; sleep 0.05; done\n");
  std::filesystem::permissions(agent, std::filesystem::perms::owner_all);
  settings_.kind = LauncherKind::kMpirun;
  settings_.hosts = {"node1.rack-a.invalid:1", "node1.rack-b.invalid:1"};
  settings_.mpirun_args = {"--mca", "plm_rsh_agent", agent.string()};
  const auto group = Start(LaunchOf("exit 0", 2));
  EXPECT_TRUE(Within(120, [&] { return !Read("called").empty() && group->Poll().has_value(); }));
  EXPECT_THAT(Read("called"), AllOf(HasSubstr("rack-a.invalid"), HasSubstr("rack-b.invalid")));
}

TEST_F(MpirunLauncherTest, AHostfileThatIsNotThereIsMissing) {
  settings_.kind = LauncherKind::kMpirun;
  settings_.hostfile = folder_.path() / "no-such-hosts";
  ExpectNotFound(LaunchOf("exit 0"), "no-such-hosts", "branch.yaml");
}

TEST_F(MpirunLauncherTest, TheTokenStandsOnNoCommandLine) {
  Launch launch = LaunchOf(kSleep, 2);
  launch.environment = {{"STRATA_TOKEN", kSecret}};
  const auto group = StartAndWait(launch);
  EXPECT_GE(Session().size(), 3u);
  EXPECT_THAT(OfEveryProcess("cmdline"), testing::Not(testing::Contains(HasSubstr(kSecret))));
  EXPECT_THAT(OfEveryProcess("environ"), testing::Contains(HasSubstr(kSecret)));
}

TEST_F(MpirunLauncherTest, TheLaunchsEnvironmentWinsOverTheParents) {
  setenv("STRATA_TOKEN", "of an outer run", 1);
  Launch launch = LaunchOf("echo \"$STRATA_TOKEN\"");
  launch.environment = {{"STRATA_TOKEN", kSecret}};
  EndOf(*Start(launch));
  unsetenv("STRATA_TOKEN");
  EXPECT_EQ(Log(), std::string(kSecret) + "\n");
}

TEST_F(MpirunLauncherTest, TheLogTakesWhatRanksAndMpirunSayAfterWhatItHeld) {
  folder_.Write("worker.log", "from before\n");
  const auto end = EndOf(*Start(LaunchOf("echo to stdout; echo to stderr >&2; exit 3")));
  ASSERT_TRUE(end);
  // Of its own words mpirun may lose the last.
  EXPECT_THAT(Log(), AllOf(testing::StartsWith("from before\n"), HasSubstr("to stdout\n"),
                           HasSubstr("to stderr\n"), HasSubstr("a non-zero exit code")));
}

TEST_F(MpirunLauncherTest, TheGroupIsInASessionOfItsOwnAndReadsNothing) {
  const auto group =
      StartAndWait(LaunchOf("read line || echo nothing to read > said\nexec sleep 600"));
  EXPECT_GT(session_, 0);
  EXPECT_EQ(getpgid(session_), session_);
  EXPECT_TRUE(Within(kStartSeconds, [&] { return Read("said") == "nothing to read\n"; }));
}

TEST_F(MpirunLauncherTest, ALockOfTheParentIsFreeWhenTheParentLetsItGo) {
  const std::filesystem::path path = folder_.path() / "lock";
  std::optional<FileLock> lock = FileLock::TryAcquire(path).value();
  const auto group = StartAndWait(LaunchOf(kSleep));
  lock.reset();
  EXPECT_TRUE(FileLock::TryAcquire(path).ok());
}

TEST_F(MpirunLauncherTest, NoFileThatTheParentHoldsOpenIsInherited) {
  const std::ofstream steps(folder_.path() / "steps.jsonl");
  const auto group = StartAndWait(LaunchOf(kSleep));
  const std::vector<std::string> open = OpenFiles();
  EXPECT_THAT(open, testing::Contains((folder_.path() / "worker.log").string()));
  EXPECT_THAT(open, testing::Not(testing::Contains((folder_.path() / "steps.jsonl").string())));
}

}  // namespace
}  // namespace strata
