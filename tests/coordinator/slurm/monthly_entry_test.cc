// Goal: the monthly entry takes its own place in the user's table and no other. Method: texts.
#include "coordinator/slurm/monthly_entry.h"

#include <gtest/gtest.h>

namespace strata {
namespace {

constexpr char kEntry[] =
    "# strata monthly: /data/b c\n"
    "#SCRON --time=15\n"
    "0 3 1 * * /bin/strata submit '/data/b c' --time=2:00:00\n"
    "# end of strata monthly: /data/b c\n";
constexpr char kOthers[] = "# mine\n#SCRON --time=1\n5 * * * * true\n";

MonthlyEntry SmallEntry() {
  return {.folders = "/data/b c",
          .options = {"--time=15"},
          .command = {"/bin/strata", "submit", "/data/b c", "--time=2:00:00"}};
}

TEST(MonthlyEntryTest, StandsBetweenItsComments) { EXPECT_EQ(EntryText(SmallEntry()), kEntry); }

TEST(MonthlyEntryTest, OptionsAreWrittenAsSlurmReadsThem) {
  MonthlyEntry entry = SmallEntry();
  entry.options = {"--output=/data/b c/%%.log"};
  EXPECT_NE(EntryText(entry).find("#SCRON \"--output=/data/b c/%%.log\"\n"), std::string::npos);
}

TEST(MonthlyEntryTest, IsAddedBehindTheUsersLines) {
  EXPECT_EQ(WithEntry("", SmallEntry()).value(), kEntry);
  EXPECT_EQ(WithEntry(kOthers, SmallEntry()).value(), std::string(kOthers) + kEntry);
}

TEST(MonthlyEntryTest, ReplacesTheOneForTheSameFolders) {
  MonthlyEntry old = SmallEntry();
  old.command = {"/old/strata"};
  const std::string before = EntryText(old) + kOthers;
  EXPECT_EQ(WithEntry(before, SmallEntry()).value(), std::string(kEntry) + kOthers);
}

TEST(MonthlyEntryTest, WithoutItsLastCommentNothingIsReplaced) {
  std::string cut = EntryText(SmallEntry());
  cut.erase(cut.rfind("# end"));
  EXPECT_EQ(WithEntry(cut + kOthers, SmallEntry()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(MonthlyEntryTest, LeavesThatOfOtherFolders) {
  MonthlyEntry other = SmallEntry();
  other.folders = "/data";
  EXPECT_EQ(WithEntry(EntryText(other), SmallEntry()).value(), EntryText(other) + kEntry);
}

}  // namespace
}  // namespace strata
