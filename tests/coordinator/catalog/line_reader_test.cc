// Goal: each line of any file, with its true place, in bounded memory.
// Method: small files with every kind of ending; one sparse line of 1 GiB.
#include "coordinator/catalog/line_reader.h"

#include <sys/resource.h>

#include "gmock/gmock.h"
#include "tests/coordinator/catalog/training_folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LineReaderTest : public testing::Test {
 protected:
  // "offset:text" of each line, "offset!" of one that is too long.
  std::vector<std::string> LinesOf(const std::string& text, uint64_t bytes_max = 100) {
    folder_.Write("a", text);
    auto reader = LineReader::Open(folder_.PathOf("a"), bytes_max);
    EXPECT_TRUE(reader.ok()) << reader.status();
    std::vector<std::string> lines;
    for (Line line; *(*reader)->Next(&line);) {
      EXPECT_EQ(line.number, lines.size() + 1);
      lines.push_back(std::to_string(line.offset) +
                      (line.too_long ? "!" : ":" + std::string(line.text)));
    }
    EXPECT_EQ((*reader)->Finish(), Sha256Of(text));
    EXPECT_EQ((*reader)->bytes(), text.size());
    return lines;
  }

  TrainingFolder folder_;
};

TEST_F(LineReaderTest, LinesHaveTheirPlaces) {
  EXPECT_THAT(LinesOf("ab\n\nc\n"), ElementsAre("0:ab", "3:", "4:c"));
  EXPECT_THAT(LinesOf("ab\ncd"), ElementsAre("0:ab", "3:cd"));
  EXPECT_THAT(LinesOf(""), IsEmpty());
  EXPECT_THAT(LinesOf("\n"), ElementsAre("0:"));
}

TEST_F(LineReaderTest, WindowsLineBreaksAndAByteOrderMarkAreNotText) {
  EXPECT_THAT(LinesOf("ab\r\ncd\r\n"), ElementsAre("0:ab", "4:cd"));
  EXPECT_THAT(LinesOf("a\rb\r\n\r\n"), ElementsAre("0:a\rb", "5:"));
  EXPECT_THAT(LinesOf("\xEF\xBB\xBF{}\n\xEF\xBB\xBFx\n"), ElementsAre("3:{}", "6:\xEF\xBB\xBFx"));
  EXPECT_THAT(LinesOf("\xEF\xBB\xBF"), ElementsAre("3:"));
}

TEST_F(LineReaderTest, ALineOfTheLimitIsWholeAndOneMoreIsTooLong) {
  const std::string ten(10, 'x');
  EXPECT_THAT(LinesOf(ten + "\r\n" + ten + "x\nab\n" + ten, 10),
              ElementsAre("0:" + ten, "12!", "24:ab", "27:" + ten));
}

TEST_F(LineReaderTest, LinesThatCrossBuffersAreWhole) {
  std::string text;
  std::vector<std::string> expected;
  for (size_t length : {1048575, 1048576, 1048577, 1, 3000000, 0, 5000000}) {
    expected.push_back(std::to_string(text.size()) +
                       (length > 4000000 ? "!" : ":" + std::string(length, 'a' + length % 7)));
    text += std::string(length, 'a' + length % 7) + "\n";
  }
  EXPECT_EQ(LinesOf(text, 4000000), expected);
}

TEST_F(LineReaderTest, ALineOfAGigabyteIsSkippedWithoutBeingHeld) {
  folder_.Write("a", "ab\n");
  std::filesystem::resize_file(folder_.PathOf("a"), (1 << 30) - 3);
  std::ofstream(folder_.PathOf("a"), std::ios::app) << "\ncd\n";
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  auto reader = LineReader::Open(folder_.PathOf("a"), 16 << 20);
  std::vector<std::string> lines;
  for (Line line; *(*reader)->Next(&line);)
    lines.push_back(line.too_long ? "too long" : std::string(line.text));
  getrusage(RUSAGE_SELF, &after);
  EXPECT_THAT(lines, ElementsAre("ab", "too long", "cd"));
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 256 << 10) << "KiB";
}

TEST_F(LineReaderTest, WhatCannotBeReadSaysWhichFile) {
  const auto missing = LineReader::Open(folder_.PathOf("nowhere"), 10);
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), testing::HasSubstr("nowhere"));
  // A folder opens and fails at the first read.
  auto folder = LineReader::Open(folder_.config().TrainingDir(), 10);
  ASSERT_TRUE(folder.ok());
  Line line;
  EXPECT_EQ((*folder)->Next(&line).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace strata
