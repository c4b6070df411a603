// Goal: however a group ends, the run hears of it once and no process stays behind. Method: the
// real mpirun with ranks that end, die, ignore signals, or lose mpirun or the launching process.
#include <sys/wait.h>

#include "coordinator/launch/mpirun_launcher.h"
#include "tests/coordinator/launch/script_group.h"

namespace strata {
namespace {

using testing::HasSubstr;

// Longer than any wait here: what is gone in time was ended.
constexpr char kSleep[] = "exec sleep 600";
constexpr char kIgnoreTerm[] = "trap '' TERM INT HUP\nsleep 600\nsleep 600";

class GroupEndTest : public ScriptGroup {
 protected:
  void ExpectEnd(WorkerGroup& group, int grace_s) {
    const auto begin = Clock::now();
    group.End(grace_s);
    // Less than the grace that a run gives.
    EXPECT_LT(Clock::now() - begin, std::chrono::seconds(grace_s + 10));
    EXPECT_FALSE(group.alive());
    ExpectNobodyLeft();
  }
};

TEST_F(GroupEndTest, PollGivesACleanEndOnce) {
  const auto group = Start(LaunchOf("exit 0", 2));
  EXPECT_TRUE(group->alive());
  const auto end = EndOf(*group);
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->clean);
  EXPECT_FALSE(group->alive());
  EXPECT_FALSE(group->Poll());
}

TEST_F(GroupEndTest, PollGivesNothingWhileItLives) {
  const auto group = StartAndWait(LaunchOf(kSleep));
  EXPECT_FALSE(group->Poll());
  EXPECT_TRUE(group->alive());
}

TEST_F(GroupEndTest, PollGivesTheExitStatusOfARankThatFailed) {
  const auto end =
      EndOf(*Start(LaunchOf("[ $OMPI_COMM_WORLD_RANK = 1 ] && exit 3\nexec sleep 600", 2)));
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->clean);
  EXPECT_THAT(end->how, HasSubstr("exit status 3"));
}

TEST_F(GroupEndTest, ARankThatIsKilledEndsTheOthers) {
  const auto group = StartAndWait(LaunchOf(kSleep, 2));
  Signal(PidOf(1), SIGKILL);
  const auto end = EndOf(*group);
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->clean);
  // Of its own words mpirun may lose the last.
  EXPECT_THAT(end->how, testing::AnyOf(testing::EndsWith("137"),
                                       testing::MatchesRegex(".*137: rank 1 on .* died of signal 9 "
                                                             "\\(Killed\\)")));
  ExpectNobodyLeft();
}

TEST(RankThatDiedTest, IsReadFromWhatMpirunWrote) {
  EXPECT_EQ(RankThatDied("mpirun noticed that process rank 12 with PID 7 on node gpu-3 exited on "
                         "signal\n11 (Segmentation fault).\n"),
            "rank 12 on gpu-3 died of signal 11 (Segmentation fault)");
  EXPECT_EQ(
      RankThatDied("mpirun noticed that process rank 0 with PID 7 on node a exited on signal 6."),
      "rank 0 on a died of signal 6");
  for (const char* words : {"", "Exit code: 69", "noticed that process rank ",
                            "noticed that process rank 1 with PID 3 on node a"})
    EXPECT_EQ(RankThatDied(words), "") << words;
}

TEST(WhyMpirunEndedTest, ItIsSshsWordOrMpirunsFirst) {
  const std::string rule(74, '-');
  const std::string no_file = rule +
                              "\nmpirun was unable to find the executable file, and therefore\ndid "
                              "not launch the job.\n\nNOTE: a long\nnote\n\nNode:       n2\n"
                              "Executable: /opt/strata-worker\n" +
                              rule + "\n";
  EXPECT_EQ(WhyMpirunEnded("a rank's line\n" + no_file),
            "mpirun was unable to find the executable file, and therefore did not launch the job. "
            "(node n2)");
  EXPECT_EQ(
      WhyMpirunEnded("ssh: Could not resolve hostname n9: Name or service not known\r\n" + no_file),
      "ssh: Could not resolve hostname n9: Name or service not known");
}

TEST(WhyMpirunEndedTest, WhatAColonAnnouncesIsPartOfIt) {
  const std::string rule(74, '-');
  EXPECT_EQ(WhyMpirunEnded(rule + "\nNo daemon. The cause is:\n\n* no ssh\n\nmore\n" + rule),
            "No daemon. The cause is: * no ssh");
  EXPECT_EQ(WhyMpirunEnded("mpirun: Error: unknown option \"--bogus\"\n"),
            "mpirun: Error: unknown option \"--bogus\"");
}

TEST(WhyMpirunEndedTest, ThatARankEndedBadlyIsNoReasonOfItsOwn) {
  const std::string rule(74, '-');
  EXPECT_EQ(WhyMpirunEnded(rule + "\nPrimary job  terminated normally, but 1 process\n" + rule),
            "");
  for (const std::string& words : {std::string(), rule, rule + "\n", rule + "\n\n" + rule})
    EXPECT_EQ(WhyMpirunEnded(words), "") << words;
}

TEST_F(GroupEndTest, AHostThatDoesNotExistIsNamed) {
  settings_.kind = LauncherKind::kMpirun;
  settings_.hosts = {"no-such-host.invalid:1"};
  const auto group = Start(LaunchOf("exit 0"));
  std::optional<GroupExit> end;
  ASSERT_TRUE(Within(120, [&] { return (end = group->Poll()).has_value(); })) << Log();
  EXPECT_FALSE(end->clean);
  // Where no ssh is installed, mpirun says that instead.
  EXPECT_THAT(end->how,
              testing::AnyOf(testing::HasSubstr("no-such-host.invalid"), testing::HasSubstr("ssh")))
      << Log();
}

TEST_F(GroupEndTest, AKilledMpirunIsNamedBySignalAndItsRanksEnd) {
  const auto group = StartAndWait(LaunchOf(kIgnoreTerm, 2));
  Signal(session_, SIGKILL);
  const auto end = EndOf(*group);
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->clean);
  EXPECT_THAT(end->how, HasSubstr("signal 9"));
  EXPECT_FALSE(group->Poll());
  ExpectNobodyLeft();
}

TEST_F(GroupEndTest, EndEndsRanksThatIgnoreTerm) {
  const auto group = StartAndWait(LaunchOf(kIgnoreTerm, 2));
  ExpectEnd(*group, 5);
}

TEST_F(GroupEndTest, EndWithoutGraceLeavesNobody) {
  const auto group = StartAndWait(LaunchOf(kIgnoreTerm, 2));
  ExpectEnd(*group, 0);
}

TEST_F(GroupEndTest, EndEndsAnMpirunThatHangs) {
  const auto group = StartAndWait(LaunchOf(kIgnoreTerm, 2));
  Signal(session_, SIGSTOP);
  ExpectEnd(*group, 1);
}

TEST_F(GroupEndTest, EndBeforeTheRanksAreThereLeavesNobody) {
  const auto group = Start(LaunchOf("sleep 600", 2));
  group->End(5);
  EXPECT_FALSE(group->alive());
  // A rank that was on its way would be here by then.
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_TRUE(Within(kEndSeconds, [&] { return ProcessesOfWorker() == 0; }));
}

TEST_F(GroupEndTest, EndOfAGroupThatHasEndedDoesNothing) {
  const auto group = Start(LaunchOf("exit 0"));
  EndOf(*group);
  group->End(5);
  group->End(0);
  EXPECT_FALSE(group->alive());
}

TEST_F(GroupEndTest, TheDestructorEndsIt) {
  StartAndWait(LaunchOf(kSleep, 2)).reset();
  ExpectNobodyLeft();
}

TEST_F(GroupEndTest, DiesWithAParentThatIsKilled) {
  const Launch launch = LaunchOf(kIgnoreTerm, 2);
  const pid_t parent = fork();
  if (parent == 0) {
    const auto group = MakeLauncher(settings_)->Start(launch);
    for (;;) pause();
  }
  EXPECT_TRUE(Within(kStartSeconds, [&] { return PidOf(0) > 0 && PidOf(1) > 0; })) << Log();
  FindSession();
  EXPECT_GE(Session().size(), 3u);
  Signal(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  ExpectNobodyLeft();
}

}  // namespace
}  // namespace strata
