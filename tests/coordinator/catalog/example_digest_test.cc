// Goal: two lines have one digest exactly when a reader would call them the same example.
#include <random>

#include "coordinator/catalog/example.h"
#include "gmock/gmock.h"

namespace strata {
namespace {

Example ExampleOf(const std::string& line) {
  Example example;
  const absl::Status status = ExampleReader().Read(line, &example);
  EXPECT_TRUE(status.ok()) << status << " " << line;
  return example;
}

ExampleDigest TextDigest(const std::string& text) { return ContentDigest({{}, text}); }

TEST(ExampleDigestTest, ShapeSpacingAndOtherKeysMakeNoDifference) {
  const ExampleDigest digest =
      ContentDigest(ExampleOf(R"({"instruction": "¿Qué es?", "output": "Una cosa."})"));
  for (const char* line : {R"({"question": " ¿Qué  es?\n", "answer": "Una\tcosa. ", "id": 3})",
                           R"({"prompt": "¿Qué\u00a0es?", "completion": "\u2003Una \u3000 cosa."})",
                           R"({"messages": [{"role": "user", "content": "¿Qué es?"},
                               {"role": "assistant", "content": "Una\r\ncosa."}]})"}) {
    EXPECT_EQ(ContentDigest(ExampleOf(line)), digest) << line;
  }
}

TEST(ExampleDigestTest, WordsRolesAndBoundariesMakeADifference) {
  const auto digest = [](const std::string& line) { return ContentDigest(ExampleOf(line)); };
  const ExampleDigest base = digest(R"({"prompt": "a b", "completion": "c"})");
  EXPECT_NE(base, digest(R"({"prompt": "a", "completion": "b c"})"));
  EXPECT_NE(base, digest(R"({"prompt": "ab", "completion": "c"})"));
  EXPECT_NE(base, digest(R"({"prompt": "a B", "completion": "c"})"));
  EXPECT_NE(base, digest(R"({"text": "a b c"})"));
  EXPECT_NE(
      base,
      digest(
          R"({"messages": [{"role": "system", "content": "a b"}, {"role": "user", "content": "a b"},
                              {"role": "assistant", "content": "c"}]})"));
}

TEST(ExampleDigestTest, ThePromptIsAllButTheAnswer) {
  const auto digest = [](const std::string& line) { return PromptDigest(ExampleOf(line)); };
  EXPECT_EQ(digest(R"({"prompt": "a", "completion": "b"})"),
            digest(R"({"question": "a ", "answer": "c"})"));
  EXPECT_NE(digest(R"({"prompt": "a", "completion": "b"})"),
            digest(R"({"prompt": "x", "completion": "b"})"));
  EXPECT_EQ(PromptDigest({{}, "t"}), ContentDigest({{}, "t"}));
}

TEST(ExampleDigestTest, IsTheFirstHalfOfTheSha256OfTheNormalisedContent) {
  // printf 'user\0a b\0assistant\0c\0' | sha256sum
  const Digest sha = Sha256Of(std::string_view("user\0a b\0assistant\0c\0", 21));
  const ExampleDigest digest = ContentDigest({{{"user", "a  b"}, {"assistant", "c"}}, ""});
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(sha.bytes[i], static_cast<uint8_t>(digest.high >> (56 - 8 * i)));
    EXPECT_EQ(sha.bytes[8 + i], static_cast<uint8_t>(digest.low >> (56 - 8 * i)));
  }
}

// The digester takes long normal text in blocks; this is what the blocks must agree with.
std::string Normalised(const std::vector<std::string>& pieces) {
  std::string text;
  bool spaced = false;
  for (const std::string& piece : pieces) {
    const bool space = IsBlank(piece);
    if (!space) text += (spaced && !text.empty() ? " " : "") + piece;
    spaced = space || (spaced && space);
  }
  return text;
}

TEST(ExampleDigestTest, WhiteSpaceOfAnyKindAtAnyPlaceIsOneSpace) {
  const std::vector<std::string> pieces = {"a",
                                           "palabra",
                                           "ñ",
                                           "¿",
                                           "\xE2\x82\xAC",
                                           "\xE3\x81\x82",
                                           " ",
                                           "\n",
                                           "\r",
                                           "\t",
                                           "\xC2\x85",
                                           "\xC2\xA0",
                                           "\xE1\x9A\x80",
                                           "\xE2\x80\x80",
                                           "\xE2\x80\x8A",
                                           "\xE2\x80\xA8",
                                           "\xE2\x80\xA9",
                                           "\xE2\x80\xAF",
                                           "\xE2\x81\x9F",
                                           "\xE3\x80\x80",
                                           "\xE2\x80\x8B"};
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> chosen;
    std::string text;
    for (int i = 0; i < 60; ++i) {
      const bool plain = random() % 4 != 0;
      chosen.push_back(plain ? (i % 9 == 8 ? " " : "w") : pieces[random() % pieces.size()]);
      text += chosen.back();
    }
    ASSERT_EQ(TextDigest(text), TextDigest(Normalised(chosen))) << text;
    const Digest sha = Sha256Of(Normalised(chosen));
    ASSERT_EQ(TextDigest(text).high >> 56, sha.bytes[0]);
    ASSERT_EQ(TextDigest(text).low & 0xFF, sha.bytes[15]);
  }
}

TEST(IsBlankTest, KnowsWhiteSpaceFromItsNeighbours) {
  for (const char* blank : {"", " ", "\t\n\v\f\r", "\xC2\x85", "\xC2\xA0",
                            "\xE2\x80\x80 \xE2\x80\x8A", "\xE3\x80\x80"}) {
    EXPECT_TRUE(IsBlank(blank)) << blank;
  }
  for (const char* text : {"a", " a", "\xC2\xA1", "\xE2\x80\x8B", "\xE2\x80\xA7", "\xE3\x80\x81",
                           "\xC2", "\xE2\x80"}) {
    EXPECT_FALSE(IsBlank(text)) << text;
  }
}

}  // namespace
}  // namespace strata
