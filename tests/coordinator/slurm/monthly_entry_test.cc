// Goal: the monthly entry takes its own place in the user's table and no other. Method: texts.
#include "coordinator/slurm/monthly_entry.h"

#include <gtest/gtest.h>

namespace strata {
namespace {

constexpr char kEntry[] =
    "# strata monthly: /data/b c\n"
    "#SCRON --time=15\n"
    "#SCRON \"--output=/data/b c/100%%.log\"\n"
    "#SCRON --open-mode=append\n"
    "0 3 1 * * /bin/strata submit '/data/b c' --set=name=5%\n"
    "# end of strata monthly: /data/b c\n";
constexpr char kEntryOfNode[] =
    "# strata monthly: /data/b c\n"
    "0 3 1 * * /bin/strata submit '/data/b c' --set=name=5\\% >>'/data/b c/100\\%.log' 2>&1\n"
    "# end of strata monthly: /data/b c\n";
constexpr char kOthers[] = "# mine\n#SCRON --time=1\n5 * * * * true\n";

MonthlyEntry SmallEntry() {
  return {.folders = "/data/b c",
          .options = {"--time=15"},
          .command = {"/bin/strata", "submit", "/data/b c", "--set=name=5%"},
          .log = "/data/b c/100%.log"};
}

std::string Text(const MonthlyEntry& entry) { return EntryText(entry, Crontab::kSlurm); }

absl::StatusOr<std::string> With(const std::string& table, const MonthlyEntry& entry) {
  return WithEntry(table, entry, Crontab::kSlurm);
}

TEST(MonthlyEntryTest, IsWrittenAsEachTableReadsIt) {
  EXPECT_EQ(Text(SmallEntry()), kEntry);
  EXPECT_EQ(EntryText(SmallEntry(), Crontab::kOfNode), kEntryOfNode);
}

TEST(MonthlyEntryTest, IsAddedBehindTheUsersLines) {
  EXPECT_EQ(With("", SmallEntry()).value(), kEntry);
  EXPECT_EQ(With(kOthers, SmallEntry()).value(), std::string(kOthers) + kEntry);
}

TEST(MonthlyEntryTest, ReplacesThatOfTheOtherTable) {
  EXPECT_EQ(With(std::string(kEntryOfNode) + kOthers, SmallEntry()).value(),
            std::string(kEntry) + kOthers);
}

TEST(MonthlyEntryTest, ReplacesTheOneForTheSameFolders) {
  MonthlyEntry old = SmallEntry();
  old.command = {"/old/strata"};
  const std::string before = Text(old) + kOthers;
  EXPECT_EQ(With(before, SmallEntry()).value(), std::string(kEntry) + kOthers);
}

TEST(MonthlyEntryTest, WithoutItsLastCommentNothingIsReplaced) {
  std::string cut = Text(SmallEntry());
  cut.erase(cut.rfind("# end"));
  EXPECT_EQ(With(cut + kOthers, SmallEntry()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(MonthlyEntryTest, LeavesThatOfOtherFolders) {
  MonthlyEntry other = SmallEntry();
  other.folders = "/data";
  const std::string both = With(Text(other), SmallEntry()).value();
  EXPECT_EQ(both, Text(other) + kEntry);
}

TEST(MonthlyEntryTest, AnotherThatHasItsBranchesIsNamed) {
  const auto beside = [](const std::string& folders) {
    return OverlappingEntries(kOthers + Text({.folders = folders}) + kEntry, SmallEntry());
  };
  for (const std::string named : {"/data", "/data/b c/d", "/else /data/b c", "/data/b c /x y", "/"})
    EXPECT_EQ(beside(named), std::vector<std::string>{named});
  for (const std::string named : {"/data/b", "/data/b cd", "/else", "/else /data/c"})
    EXPECT_EQ(beside(named), std::vector<std::string>{}) << named;
}

}  // namespace
}  // namespace strata
