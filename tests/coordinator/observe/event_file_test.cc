// Goal: an event file is framed as TensorFlow frames records, and no run writes over another's.
// Method: bytes that TensorFlow writes, files read back record by record. What TensorBoard itself
// makes of them, system/tensorboard_test.py asks.
#include "coordinator/observe/event_file.h"

#include "gmock/gmock.h"
#include "strata/tensorboard/event.pb.h"
#include "tests/common/folder.h"
#include "tests/coordinator/observe/event_records.h"

namespace strata {
namespace {

using testing::HasSubstr;

class EventFileTest : public testing::Test {
 protected:
  EventFile Create() {
    auto file = EventFile::Create(folder_.path() / "board", "20261130-000000-abcd", 1796000000.5);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }
  Folder folder_;
};

TEST_F(EventFileTest, ARecordIsLengthAndBytesEachWithItsCrc) {
  // By the format's rules, with a CRC computed bit by bit.
  const std::string expected =
      std::string("\x03\0\0\0\0\0\0\0", 8) + "\xb0\x99\x49\x0e" + "abc" + "\x6e\x57\xf1\x21";
  const std::string record = TfRecord("abc");
  EXPECT_EQ(record, expected);
  EXPECT_EQ(RecordsOf(record), std::vector<std::string>{"abc"});
}

TEST_F(EventFileTest, BeginsWithTheVersionThatTensorBoardLooksFor) {
  EventFile file = Create();
  ASSERT_TRUE(file.Flush().ok());
  EXPECT_EQ(file.path().filename(), "events.out.tfevents.1796000000.20261130-000000-abcd");
  const std::vector<tensorboard::Event> events = EventsOf(file.path());
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].file_version(), "brain.Event:2");
  EXPECT_EQ(events[0].wall_time(), 1796000000.5);
}

TEST_F(EventFileTest, HasScalarsAndPurgesInOrder) {
  EventFile file = Create();
  file.AddScalars(1.5, 7, {{"train/loss", 0.25}, {"train/stage", 0}});
  file.AddPurge(2.5, 5);
  ASSERT_TRUE(file.Flush().ok());
  const std::vector<tensorboard::Event> events = EventsOf(file.path());
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[1].step(), 7);
  ASSERT_EQ(events[1].summary().value_size(), 2);
  EXPECT_EQ(events[1].summary().value(0).tag(), "train/loss");
  EXPECT_EQ(events[1].summary().value(0).simple_value(), 0.25F);
  EXPECT_TRUE(events[1].summary().value(1).has_simple_value()) << "a 0 is a figure too";
  EXPECT_EQ(events[2].step(), 5);
  EXPECT_EQ(events[2].session_log().status(), tensorboard::SessionLog::START);
}

TEST_F(EventFileTest, ASecondOneOfTheSameSecondIsBesideTheFirst) {
  EventFile first = Create();
  first.AddScalars(1, 1, {{"a", 1}});
  EventFile second = Create();
  ASSERT_TRUE(first.Flush().ok() && second.Flush().ok());
  EXPECT_EQ(second.path().string(), first.path().string() + ".1");
  EXPECT_EQ(EventsOf(first.path()).size(), 2u);
}

TEST_F(EventFileTest, AFolderThatCannotBeMadeIsAnError) {
  folder_.Write("board", "a file");
  const auto file = EventFile::Create(folder_.path() / "board/inside", "run", 0);
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("cannot write TensorBoard's events"));
}

TEST_F(EventFileTest, ALinkInTheWayIsNotWrittenThrough) {
  std::filesystem::create_directories(folder_.path() / "board");
  const auto link = folder_.path() / "board/events.out.tfevents.1796000000.20261130-000000-abcd";
  std::filesystem::create_symlink(folder_.path() / "elsewhere", link);
  EXPECT_EQ(Create().path().string(), link.string() + ".1");
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "elsewhere"));
}

}  // namespace
}  // namespace strata
