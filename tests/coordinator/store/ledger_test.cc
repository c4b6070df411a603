// Goal: an event is in the ledger once Append said so, and no line is written where another has
// written or a disk has failed. Method: append, damage the file between, read again.
#include "coordinator/store/ledger.h"

#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

using testing::HasSubstr;

// Fails at `operation`, once; counts what comes after.
class FailsAt : public FileSystem {
 public:
  explicit FailsAt(std::string operation) : operation_(std::move(operation)) {}
  int calls_after() const { return calls_after_; }

 protected:
  absl::Status Before(std::string_view operation, const std::filesystem::path&) override {
    if (failed_) ++calls_after_;
    if (failed_ || operation != operation_) return absl::OkStatus();
    failed_ = true;
    return absl::UnavailableError("input/output error");
  }

 private:
  std::string operation_;
  bool failed_ = false;
  int calls_after_ = 0;
};

class LedgerTest : public TrainedBranch {
 protected:
  void SetUp() override {
    TrainedBranch::SetUp();
    std::filesystem::create_directories(adapters_);
  }
  Ledger Read() const { return *Ledger::Read(LedgerFile()); }
  std::string Text() const { return TrainedBranch::Text(LedgerFile()); }
  void Write(const std::string& text) const { Overwrite(LedgerFile(), text); }
  static absl::Status Append(Ledger* ledger, int number, FileSystem* files = FileSystem::Real()) {
    return ledger->Append(files, "event", "2025-10-31T10:40:42Z", {{"number", number}});
  }
};

TEST_F(LedgerTest, EventsAreReadBack) {
  Ledger ledger = Read();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Append(&ledger, i).ok());
  const Ledger again = Read();
  ASSERT_TRUE(again.damage().ok());
  ASSERT_EQ(again.events().size(), 3u);
  EXPECT_EQ(again.events()[2].seq, 3u);
  EXPECT_EQ(again.events()[2].body["number"], 2);
}

TEST_F(LedgerTest, TornLineIsPassedOverAndCut) {
  Ledger first = Read();
  ASSERT_TRUE(Append(&first, 1).ok());
  const std::string whole = Text();
  for (const size_t bytes : {size_t{1}, whole.size() / 2, whole.size() - 1}) {
    Write(whole + whole.substr(0, bytes));
    Ledger ledger = Read();
    EXPECT_EQ(ledger.events().size(), 1u);
    ASSERT_TRUE(Append(&ledger, 2).ok());
    ASSERT_TRUE(Append(&ledger, 3).ok());
    EXPECT_TRUE(Read().damage().ok());
    EXPECT_EQ(Read().events().size(), 3u);
  }
}

TEST_F(LedgerTest, LineOfAnotherWriterIsNeverFollowed) {
  Ledger ours = Read(), theirs = Read();
  ASSERT_TRUE(Append(&theirs, 1).ok());
  const std::string text = Text();
  EXPECT_TRUE(absl::IsAborted(Append(&ours, 2)));
  EXPECT_EQ(Text(), text);
  ours = Read();
  theirs = Read();
  ASSERT_TRUE(Append(&theirs, 3).ok());
  EXPECT_TRUE(absl::IsAborted(Append(&ours, 4)));
  EXPECT_EQ(Read().events().size(), 2u);
}

TEST_F(LedgerTest, LineOfAnotherWriterIsNeverCutAsTorn) {
  Ledger first = Read();
  ASSERT_TRUE(Append(&first, 1).ok());
  const std::string whole = Text();
  Write(whole + "{");
  Ledger ours = Read(), theirs = Read();
  ASSERT_TRUE(Append(&theirs, 2).ok());
  EXPECT_TRUE(absl::IsAborted(Append(&ours, 3)));
  EXPECT_EQ(Read().events().size(), 2u);
}

TEST_F(LedgerTest, LedgerOfTheSameLengthWithAnotherEndIsNotFollowed) {
  Ledger ours = Read();
  ASSERT_TRUE(Append(&ours, 1).ok());
  std::filesystem::remove(LedgerFile());
  Ledger theirs = Read();
  ASSERT_TRUE(Append(&theirs, 2).ok());
  EXPECT_TRUE(absl::IsAborted(Append(&ours, 3)));
}

TEST_F(LedgerTest, NothingIsDoneToTheFileAfterAFailure) {
  for (const char* operation : {"open", "write", "fsync", "close"}) {
    Ledger ledger = Read();
    ASSERT_TRUE(Append(&ledger, 1).ok());
    FailsAt files(operation);
    EXPECT_TRUE(absl::IsUnavailable(Append(&ledger, 2, &files)));
    EXPECT_TRUE(absl::IsUnavailable(Append(&ledger, 3, &files)));
    EXPECT_EQ(files.calls_after(), 0) << operation;
    EXPECT_TRUE(Read().damage().ok());
  }
}

TEST_F(LedgerTest, DamagedLineEndsWhatIsBelieved) {
  Ledger ledger = Read();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Append(&ledger, i).ok());
  std::string text = Text();
  text[text.find("\"number\":1") + 9] = '7';
  Write(text);
  Ledger damaged = Read();
  EXPECT_EQ(damaged.events().size(), 1u);
  EXPECT_TRUE(absl::IsDataLoss(damaged.damage()));
  EXPECT_THAT(std::string(damaged.damage().message()), HasSubstr("ledger.jsonl:2"));
  EXPECT_TRUE(absl::IsDataLoss(Append(&damaged, 4)));
  EXPECT_EQ(Text(), text);
}

}  // namespace
}  // namespace strata
