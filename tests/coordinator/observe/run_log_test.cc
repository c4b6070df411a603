// Goal: run.log tells what befell a run, each line whole and of its run. Method: news of each kind
// in both formats.
#include "coordinator/observe/run_log.h"

#include <sstream>

#include "common/json.h"
#include "gmock/gmock.h"
#include "tests/common/folder.h"
#include "tests/coordinator/observe/small_run.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RunLogTest : public testing::Test {
 protected:
  std::filesystem::path file() const { return folder_.path() / "run.log"; }
  std::vector<std::string> Lines(LogFormat format, const std::vector<RunNews>& news) {
    RunLog log(file(), "r1", format, SmallPlan());
    for (const RunNews& one : news) log.Take(Told(one));
    EXPECT_TRUE(log.Flush().ok());
    std::vector<std::string> lines;
    std::istringstream text(folder_.Read("run.log"));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }
  Folder folder_;
};

TEST_F(RunLogTest, TellsALifeInWords) {
  JournalLine stage = LineOf("stage", "trained, 2 equal replicas");
  stage.stage = 1;
  EXPECT_THAT(
      Lines(LogFormat::kText,
            {LineOf("attempt", "2 ranks"), LineOf("joined", "rank 1 on node7, cuda:0"),
             StepAt(0, 0, 0), LineOf("lost", "rank 1 died"), LineOf("attempt", "2 ranks", 2), stage,
             CommitSeen{Version(3)}, WarningSeen{"the disk is nearly full"},
             RunEndSeen{"completed", "v0003 is current"}}),
      ElementsAre("2026-11-30T00:53:20.000Z INFO run=r1 attempt=1 rank=- attempt: launched 2 ranks",
                  HasSubstr("joined: rank 1 on node7, cuda:0"),
                  HasSubstr("WARNING run=r1 attempt=1 rank=- lost: rank 1 died"),
                  HasSubstr("attempt=2 rank=- attempt: launched 2 ranks"),
                  HasSubstr("stage: stage 1, more.jsonl: trained, 2 equal replicas"),
                  HasSubstr("commit: v0003 is current"),
                  HasSubstr("WARNING run=r1 attempt=1 rank=- warning: the disk is nearly full"),
                  HasSubstr("completed: v0003 is current")));
}

TEST_F(RunLogTest, JsonHasAnObjectForEachLine) {
  const auto lines = Lines(LogFormat::kJson, {LineOf("lost", "two\nlines \"quoted\"")});
  ASSERT_EQ(lines.size(), 1u);
  const Json json = ParseJson(lines[0], "line").value();
  EXPECT_EQ(json["time"], "2026-11-30T00:53:20.000Z");
  EXPECT_EQ(json["level"], "warning");
  EXPECT_EQ(json["run"], "r1");
  EXPECT_EQ(json["attempt"], 1);
  EXPECT_TRUE(json["rank"].is_null());
  EXPECT_EQ(json["event"], "lost");
  EXPECT_EQ(json["message"], "two\nlines \"quoted\"");
}

TEST_F(RunLogTest, AppendsToWhatTheRunHadBefore) {
  Lines(LogFormat::kText, {LineOf("stop", "asked")});
  EXPECT_EQ(Lines(LogFormat::kText, {LineOf("attempt", "1 ranks", 2)}).size(), 2u);
}

TEST_F(RunLogTest, AFileThatTakesNothingIsAnError) {
  RunLog log("/dev/full", "r1", LogFormat::kText, SmallPlan());
  log.Take(Told(LineOf("stop", "asked")));
  EXPECT_THAT(std::string(log.Flush().message()), HasSubstr("cannot write /dev/full"));
}

}  // namespace
}  // namespace strata
