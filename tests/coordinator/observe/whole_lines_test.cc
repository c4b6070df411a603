// Goal: a file that grows gives each line once and whole. Method: a file written in parts, cut,
// replaced.
#include "coordinator/observe/whole_lines.h"

#include <fstream>

#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class WholeLinesTest : public testing::Test {
 protected:
  void Append(const std::string& text) {
    std::ofstream(folder_.path() / "lines", std::ios::app) << text;
  }
  Folder folder_;
  WholeLines lines_{folder_.path() / "lines"};
};

TEST_F(WholeLinesTest, WaitsForAFileThatIsNotThere) {
  EXPECT_THAT(lines_.Next(), IsEmpty());
  Append("one\n");
  EXPECT_THAT(lines_.Next(), ElementsAre("one"));
  EXPECT_THAT(lines_.Next(), IsEmpty());
}

TEST_F(WholeLinesTest, WaitsForTheRestOfATornLine) {
  Append("one\ntw");
  EXPECT_THAT(lines_.Next(), ElementsAre("one"));
  Append("o\n\nthree");
  EXPECT_THAT(lines_.Next(), ElementsAre("two", ""));
}

TEST_F(WholeLinesTest, ATornLineThatIsCutOffIsNeverSeen) {
  Append("one\nto");
  EXPECT_THAT(lines_.Next(), ElementsAre("one"));
  std::filesystem::resize_file(folder_.path() / "lines", 4);
  Append("two\n");
  EXPECT_THAT(lines_.Next(), ElementsAre("two"));
}

TEST_F(WholeLinesTest, AFileThatWasReplacedByAShorterOneIsReadAnew) {
  Append("one\ntwo\n");
  lines_.Next();
  folder_.Write("lines", "new\n");
  EXPECT_THAT(lines_.Next(), ElementsAre("new"));
}

}  // namespace
}  // namespace strata
