// Goal: text becomes ids with byte offsets and text again, and a bad file is an error with a name.
// Method: the base of tests/testdata. tokenizer_parity_test.py compares with the library itself.
#include "common/huggingface/tokenizer.h"

#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/base_folder.h"

namespace strata {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

class TokenizerTest : public testing::Test {
 protected:
  Tokenizer Open() const { return Tokenizer::FromFile(base_.path() / "tokenizer.json").value(); }
  BaseFolder base_;
};

constexpr char kText[] = "La antropología estudia  la cultura.\n¿Qué?";

TEST_F(TokenizerTest, DecodesWhatItEncoded) {
  const Tokenizer tokenizer = Open();
  EXPECT_EQ(tokenizer.Decode(tokenizer.Encode(kText)->ids).value(), kText);
}

TEST_F(TokenizerTest, OffsetsAreBytesAndKeepTheSpacesThatATokenHolds) {
  const Encoding encoding = Open().Encode("¿é  a").value();
  // Two bytes each, as the pieces of one character begin where it begins; then a space of its own,
  // and " a".
  EXPECT_THAT(encoding.begins, testing::Contains(4));
  EXPECT_EQ(encoding.begins.back(), 5u);
  EXPECT_TRUE(std::is_sorted(encoding.begins.begin(), encoding.begins.end()));
}

TEST_F(TokenizerTest, ASpecialTokenInTheTextIsOneId) {
  const Tokenizer tokenizer = Open();
  const std::vector<uint32_t> ids = tokenizer.Encode("a</s>").value().ids;
  EXPECT_EQ(ids.back(), tokenizer.IdOf("</s>"));
  EXPECT_EQ(ids.size(), 2u);
}

TEST_F(TokenizerTest, SpecialTokensAreInTheTextOnlyWhenAskedFor) {
  const Tokenizer tokenizer = Open();
  const std::vector<uint32_t> ids = tokenizer.Encode("a</s>").value().ids;
  EXPECT_EQ(tokenizer.Decode(ids).value(), "a");
  EXPECT_EQ(tokenizer.DecodeWithSpecial(ids).value(), "a</s>");
}

TEST_F(TokenizerTest, FindsTokensByNameAndNumber) {
  const Tokenizer tokenizer = Open();
  EXPECT_EQ(tokenizer.IdOf("</s>"), 1);
  EXPECT_EQ(tokenizer.IdOf("<no such token>"), -1);
  EXPECT_EQ(tokenizer.TokenOf(1), "</s>");
  EXPECT_EQ(tokenizer.TokenOf(1u << 30), "");
  EXPECT_EQ(tokenizer.TokenOf(static_cast<uint32_t>(tokenizer.VocabSize())), "");
}

TEST_F(TokenizerTest, EmptyTextHasNoIds) {
  EXPECT_TRUE(Open().Encode("")->ids.empty());
  EXPECT_EQ(Open().Decode({}).value(), "");
}

TEST_F(TokenizerTest, TruncationAndPaddingOfTheFileAreIgnored) {
  base_.Set(
      "tokenizer.json", "truncation",
      {{"direction", "Right"}, {"max_length", 3}, {"strategy", "LongestFirst"}, {"stride", 0}});
  EXPECT_GT(Open().Encode(kText)->ids.size(), 3u);
}

TEST_F(TokenizerTest, TextThatIsNotUtf8IsAnError) {
  EXPECT_EQ(Open().Encode("a\xff").status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(TokenizerTest, AMissingOrBrokenFileIsNamed) {
  for (const char* text : {"", "{}", "[]", "{\"model\": {\"type\": \"BPE\"}}", "\x01"}) {
    const absl::Status status = Tokenizer::FromFile(base_.Write("broken.json", text)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("broken.json")) << text;
  }
  EXPECT_EQ(Tokenizer::FromFile(base_.path() / "none.json").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(TokenizerTest, ManyThreadsGetTheSameIds) {
  const Tokenizer tokenizer = Open();
  const std::vector<uint32_t> ids = tokenizer.Encode(kText).value().ids;
  std::vector<int> same(4);
  std::vector<std::thread> threads;
  for (int& count : same) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) count += tokenizer.Encode(kText).value().ids == ids;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(same, Each(500));
}

}  // namespace
}  // namespace strata
