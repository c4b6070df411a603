// Goal: the ids that a run trains are those that were written, or it is told. Method: round trips,
// and files that are torn, cut, foreign or have one byte changed.
#include "coordinator/tokens/token_file.h"

#include <sys/resource.h>

#include <fstream>
#include <thread>

#include "common/sha256.h"
#include "gmock/gmock.h"
#include "tests/common/file_size_limit.h"
#include "tests/common/folder.h"
#include "tests/coordinator/tokens/tokenized.h"

namespace strata {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<TokenizedExample> kExamples = {
    {{5, 6, 7, 1}, {{2, 4}}}, {{}, {}}, {{9, 1, 8, 1}, {{1, 2}, {3, 4}}}, {{1}, {}}};

// One example whose header and index lie, and whose index is vouched for.
struct ForgedTokens {
  uint32_t ids = 0, spans = 0, tokens = 0;
  uint64_t offset = 0;
};

std::string BytesOf(const ForgedTokens& forged) {
  const TokenIndex index{.offset = forged.offset, .tokens = forged.tokens};
  const auto bytes = [](const auto& value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
  };
  const uint64_t index_offset = 24, count = 1;
  const Digest digest = Sha256Of(bytes(index));
  return bytes(forged.ids) + bytes(forged.spans) + std::string(16, 'a') + bytes(index) +
         "STRTOK02" + bytes(index_offset) + bytes(count) + bytes(digest);
}

// Bounds the memory that this process may ask for while it lives.
class MemoryLimit {
 public:
  explicit MemoryLimit(uint64_t more_bytes) {
    getrlimit(RLIMIT_AS, &before_);
    std::ifstream statm("/proc/self/statm");
    uint64_t pages = 0;
    statm >> pages;
    const rlimit limit{pages * 4096 + more_bytes, before_.rlim_max};
    setrlimit(RLIMIT_AS, &limit);
  }
  ~MemoryLimit() { setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

class TokenFileTest : public testing::Test {
 protected:
  std::filesystem::path path() const { return folder_.path() / "a.tokens"; }
  std::string Bytes() const { return folder_.Read("a.tokens"); }
  TokenFile Open() const { return TokenFile::Open(path()).value(); }
  void ExpectBroken(const std::string& bytes) const {
    folder_.Write("a.tokens", bytes);
    const absl::Status status = TokenFile::Open(path()).status();
    ASSERT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path().string()));
  }
  // True when opening the file or reading one of its examples says that it is not whole.
  bool IsRefused() const {
    const absl::StatusOr<TokenFile> file = TokenFile::Open(path());
    if (!file.ok()) return absl::IsDataLoss(file.status());
    for (uint32_t i = 0; i < file->index().size(); ++i)
      if (absl::IsDataLoss(file->Read(i).status())) return true;
    return false;
  }

  Folder folder_;
};

TEST_F(TokenFileTest, GivesBackWhatWasWritten) {
  WriteTokens(path(), kExamples);
  const TokenFile file = Open();
  ASSERT_EQ(file.index().size(), kExamples.size());
  for (const uint32_t i : {3u, 0u, 2u, 1u, 2u}) {
    EXPECT_EQ(file.Read(i).value(), kExamples[i]) << i;
    EXPECT_EQ(file.index()[i].tokens, kExamples[i].ids.size());
  }
  EXPECT_EQ(file.index()[0].supervised, 2u);
  EXPECT_EQ(file.index()[2].supervised, 2u);
}

TEST_F(TokenFileTest, ADatasetWithoutExamplesIsAFileToo) {
  WriteTokens(path(), {});
  EXPECT_THAT(Open().index(), IsEmpty());
}

TEST_F(TokenFileTest, AnUnfinishedWriterLeavesNothing) {
  {
    TokenFileWriter writer = TokenFileWriter::Create(folder_.path() / "new/a.tokens").value();
    writer.Append(kExamples[0]);
    EXPECT_TRUE(absl::IsNotFound(TokenFile::Open(folder_.path() / "new/a.tokens").status()));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path() / "new"));
}

TEST_F(TokenFileTest, AnUnfinishedWriterLeavesTheOldFile) {
  WriteTokens(path(), kExamples);
  { TokenFileWriter::Create(path())->Append(kExamples[0]); }
  EXPECT_EQ(Open().index().size(), kExamples.size());
}

TEST_F(TokenFileTest, TwoWritersOfOneFileDoNotMix) {
  TokenFileWriter first = TokenFileWriter::Create(path()).value();
  TokenFileWriter second = TokenFileWriter::Create(path()).value();
  first.Append(kExamples[0]);
  second.Append(kExamples[2]);
  ASSERT_TRUE(second.Finish().ok());
  ASSERT_TRUE(first.Finish().ok());
  EXPECT_EQ(Open().Read(0).value(), kExamples[0]);
}

TEST_F(TokenFileTest, AFullDiskIsReportedAndLeavesNothing) {
  const FileSizeLimit limit(1000);
  TokenFileWriter writer = TokenFileWriter::Create(path()).value();
  writer.Append({std::vector<uint32_t>(100'000, 7), {}});
  const absl::Status finished = writer.Finish();
  EXPECT_TRUE(absl::IsUnavailable(finished)) << finished;
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(TokenFileTest, APlaceThatCannotBeWrittenIsNamed) {
  folder_.Write("file", "");
  const absl::Status status = TokenFileWriter::Create(folder_.path() / "file/a.tokens").status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("file/a.tokens"));
}

TEST_F(TokenFileTest, AFileCutAnywhereIsRefused) {
  WriteTokens(path(), kExamples);
  const std::string whole = Bytes();
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) ExpectBroken(whole.substr(0, bytes));
}

TEST_F(TokenFileTest, AFileThatMissesItsBeginningIsRefused) {
  WriteTokens(path(), kExamples);
  const std::string whole = Bytes();
  ExpectBroken(whole.substr(1));
  ExpectBroken(whole.substr(8));
  ExpectBroken(whole + whole);
}

TEST_F(TokenFileTest, AnyChangedByteIsSeenByTheTimeAllIsRead) {
  WriteTokens(path(), kExamples);
  const std::string whole = Bytes();
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const int bit : {0x01, 0x80}) {
      std::string flipped = whole;
      flipped[i] = static_cast<char>(flipped[i] ^ bit);
      folder_.Write("a.tokens", flipped);
      EXPECT_TRUE(IsRefused()) << "byte " << i;
    }
  }
}

// Found by reading for tests/fuzz: sizes were believed, 48 GB were asked for.
TEST_F(TokenFileTest, SizesBeyondTheFileAreRefusedBeforeMemoryIsTaken) {
  const ForgedTokens lies[] = {{.ids = UINT32_MAX, .spans = 0, .tokens = UINT32_MAX},
                               {.ids = 0, .spans = UINT32_MAX, .tokens = 0},
                               {.ids = 4, .spans = 0, .tokens = 4, .offset = uint64_t{1} << 63}};
  for (const ForgedTokens& lie : lies) {
    folder_.Write("a.tokens", BytesOf(lie));
    const absl::StatusOr<TokenFile> file = TokenFile::Open(path());
    ASSERT_TRUE(file.ok()) << file.status();
    const MemoryLimit limit(uint64_t{1} << 30);
    EXPECT_TRUE(absl::IsDataLoss(file->Read(0).status())) << lie.ids << " " << lie.spans;
  }
}

TEST_F(TokenFileTest, SpansThatAnExampleCannotHaveAreRefused) {
  for (const std::vector<Span>& spans : std::vector<std::vector<Span>>{
           {{1, 9}}, {{2, 1}}, {{0, 1}}, {{2, 2}}, {{1, 3}, {2, 4}}, {{3, 4}, {1, 2}}}) {
    WriteTokens(path(), {{{5, 6, 7, 8}, spans}});
    EXPECT_TRUE(absl::IsDataLoss(Open().Read(0).status())) << spans[0];
  }
  WriteTokens(path(), {{{5, 6, 7, 8}, {{1, 3}, {3, 4}}}});
  EXPECT_TRUE(Open().Read(0).ok());
}

TEST_F(TokenFileTest, ForeignFilesAreRefused) {
  ExpectBroken("");
  ExpectBroken(std::string(4096, '\0'));
  ExpectBroken(std::string(4096, '\xff'));
  ExpectBroken("{\"text\": \"" + std::string(500, 'a') + "\"}\n");
  std::filesystem::remove(path());
  EXPECT_TRUE(absl::IsNotFound(TokenFile::Open(path()).status()));
  std::filesystem::create_directory(path());
  EXPECT_TRUE(absl::IsDataLoss(TokenFile::Open(path()).status()));
}

TEST_F(TokenFileTest, AFileThatChangesAfterItWasOpenedIsSeen) {
  WriteTokens(path(), kExamples);
  const TokenFile changed = Open(), removed = Open();
  WriteTokens(path(), {{{5, 6, 8, 1}, {{2, 4}}}});
  EXPECT_TRUE(absl::IsDataLoss(changed.Read(0).status()));
  EXPECT_TRUE(absl::IsDataLoss(changed.Read(2).status()));
  std::filesystem::remove(path());
  EXPECT_TRUE(absl::IsDataLoss(removed.Read(0).status()));
}

TEST_F(TokenFileTest, ManyThreadsReadAtOnce) {
  std::vector<TokenizedExample> examples;
  for (uint32_t i = 0; i < 200; ++i) examples.push_back({std::vector<uint32_t>(1 + i, i), {}});
  WriteTokens(path(), examples);
  const TokenFile file = Open();
  std::vector<int> right(4);
  std::vector<std::thread> threads;
  for (int& count : right) {
    threads.emplace_back([&] {
      for (uint32_t i = 0; i < 2000; ++i)
        count += file.Read(i * 7 % 200).value() == examples[i * 7 % 200];
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(right, Each(2000));
}

}  // namespace
}  // namespace strata
