// Goal: what a program says and how it ends is given, and one that does not end is ended. Method:
// shells of a few words.
#include "coordinator/launch/program_run.h"

#include <chrono>

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::HasSubstr;

TEST(ProgramRunTest, AProgramsWordsAndItsEndAreGiven) {
  using std::chrono::seconds;
  const auto run = RunProgram({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, seconds(10));
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->output, "out\nerr\n");
  EXPECT_EQ(run->how, "exit status 3");
  EXPECT_FALSE(run->clean);
  EXPECT_EQ(RunProgram({"/bin/sh", "-c", "kill -9 $$"}, seconds(10))->how, "signal 9");
  EXPECT_THAT(RunProgram({"/nowhere"}, seconds(10))->output, HasSubstr("No such file"));
}

TEST(ProgramRunTest, AProgramThatHangsIsKilledWithItsChildren) {
  const auto begin = std::chrono::steady_clock::now();
  // Long enough for a shell to begin on a machine that is busy.
  const auto run = RunProgram({"/bin/sh", "-c", "echo on; sleep 600"}, std::chrono::seconds(5));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(120));
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(run->timed_out);
  EXPECT_EQ(run->output, "on\n");
}

}  // namespace
}  // namespace strata
