// Goal: the pieces of a streamed text are the text, and none holds half a character. Method: texts
// in several scripts, token by token, by a tokenizer of bytes and by one of pieces with leading
// spaces.
#include "coordinator/tokens/streamed_text.h"

#include "coordinator/catalog/example.h"
#include "gmock/gmock.h"
#include "tests/common/base_folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// As Llama's: "▁" for a space, bytes for what the vocabulary lacks; the first space is stripped.
constexpr char kPieces[] = R"({"version": "1.0", "truncation": null, "padding": null,
  "added_tokens": [], "normalizer": null, "pre_tokenizer": null, "post_processor": null,
  "decoder": {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
    {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
  "model": {"type": "BPE", "vocab": {"▁La": 0, "▁cultura": 1, "<0xE2>": 2, "<0x82>": 3,
    "<0xAC>": 4, ".": 5, "▁": 6}, "merges": [], "byte_fallback": true}})";

class StreamedTextTest : public testing::Test {
 protected:
  // The pieces when ids come one by one.
  static std::vector<std::string> Pieces(const Tokenizer& tokenizer,
                                         const std::vector<uint32_t>& ids) {
    StreamedText text(&tokenizer);
    std::vector<std::string> pieces;
    for (const uint32_t id : ids) pieces.push_back(text.Add({id}, false).value());
    pieces.push_back(text.Add({}, true).value());
    std::string whole;
    for (const std::string& piece : pieces) whole += piece;
    EXPECT_EQ(whole, text.text());
    EXPECT_EQ(text.text(), tokenizer.Decode(ids).value());
    EXPECT_EQ(text.ids(), ids);
    return pieces;
  }
  Tokenizer OfBytes() const { return Tokenizer::FromFile(base_.path() / "tokenizer.json").value(); }
  Tokenizer OfPieces() const {
    return Tokenizer::FromFile(base_.Write("pieces.json", kPieces)).value();
  }
  BaseFolder base_;
};

TEST_F(StreamedTextTest, NoPieceHoldsHalfACharacter) {
  const Tokenizer tokenizer = OfBytes();
  for (const std::string text : {"¿Qué es la antropología?", "\u4f60\u597d, \u4e16\u754c",
                                 "a\U0001F600b\U0001F469\u200D\U0001F52C", "  dos  espacios\n\n"}) {
    std::string whole;
    for (const std::string& piece : Pieces(tokenizer, tokenizer.Encode(text)->ids)) {
      EXPECT_EQ(piece.find("\uFFFD"), std::string::npos) << piece;
      EXPECT_TRUE(IsUtf8(piece));
      whole += piece;
    }
    EXPECT_EQ(whole, text);
  }
}

TEST_F(StreamedTextTest, LeadingSpacesStandBetweenPiecesOnly) {
  EXPECT_THAT(Pieces(OfPieces(), {0, 1, 5, 0}), ElementsAre("La", " cultura", ".", " La", ""));
}

TEST_F(StreamedTextTest, ACharacterOfSeveralBytesComesWhole) {
  EXPECT_THAT(Pieces(OfPieces(), {0, 2, 3, 4, 5}), ElementsAre("La", "", "", "€", ".", ""));
}

TEST_F(StreamedTextTest, BytesThatNeverBecomeACharacterComeAtTheEnd) {
  const std::vector<std::string> pieces = Pieces(OfPieces(), {0, 2, 3});
  EXPECT_THAT(pieces, ElementsAre("La", "", "", HasSubstr("\uFFFD")));
}

TEST_F(StreamedTextTest, AWrongByteIsGivenOnceItCanBeNothingElse) {
  const std::vector<std::string> pieces = Pieces(OfPieces(), {0, 4, 1});
  EXPECT_EQ(pieces[1], "");
  EXPECT_THAT(pieces[2], testing::EndsWith(" cultura"));
}

// The decoder would take "€" back: bytes side by side are characters all of them, or none.
TEST_F(StreamedTextTest, ACharacterThatWasGivenStaysBesideABrokenOne) {
  const Tokenizer tokenizer = OfPieces();
  StreamedText ended(&tokenizer), going_on(&tokenizer);
  for (StreamedText* text : {&ended, &going_on}) {
    EXPECT_EQ(text->Add({0, 2, 3, 4}, false).value(), "La€");
    EXPECT_EQ(text->Add({2}, false).value(), "");
  }
  EXPECT_EQ(ended.Add({}, true).value(), "\uFFFD");
  EXPECT_EQ(ended.text(), "La€\uFFFD");
  EXPECT_EQ(going_on.Add({1}, false).value(), "\uFFFD cultura");
  EXPECT_EQ(going_on.Add({0}, true).value(), " La");
  EXPECT_EQ(going_on.text(), "La€\uFFFD cultura La");
}

TEST_F(StreamedTextTest, ABrokenCharacterThatBecomesWholeIsWaitedFor) {
  EXPECT_THAT(Pieces(OfPieces(), {0, 2, 3, 4, 2, 3, 4, 1}),
              ElementsAre("La", "", "", "€", "", "", "€", " cultura", ""));
}

TEST_F(StreamedTextTest, AnAnswerWithoutATokenIsEmpty) {
  const Tokenizer tokenizer = OfBytes();
  StreamedText text(&tokenizer);
  EXPECT_EQ(text.Add({}, true).value(), "");
  EXPECT_EQ(text.text(), "");
}

}  // namespace
}  // namespace strata
