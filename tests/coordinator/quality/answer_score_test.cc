// Goal: the three shares and their sum are what the formula says, for Spanish as it is written.
// Method: small answers counted by hand.
#include "coordinator/quality/answer_score.h"

#include "gtest/gtest.h"

namespace strata {
namespace {

constexpr uint32_t kFull = 10;

TEST(AnswerScoreTest, AddsTheThreeSharesByTheirWeights) {
  const AnswerScore score = ScoreAnswer("La familia es la familia.", {"familia", "clan"}, kFull);
  EXPECT_DOUBLE_EQ(score.keywords, 0.5);
  EXPECT_DOUBLE_EQ(score.length, 0.5);
  EXPECT_DOUBLE_EQ(score.distinct, 3.0 / 5);
  EXPECT_DOUBLE_EQ(score.total(), 0.5 * 0.5 + 0.2 * 0.5 + 0.3 * 0.6);
}

TEST(AnswerScoreTest, LengthCountsNoMoreThanFully) {
  EXPECT_EQ(ScoreAnswer("a b c d e f g h i j k l", {"z"}, kFull).length, 1);
}

TEST(AnswerScoreTest, FindsKeywordsInAnyCaseAndWithoutAccents) {
  EXPECT_EQ(ScoreAnswer("ETNOGRAFÍA", {"etnografia"}, kFull).keywords, 1);
  EXPECT_EQ(ScoreAnswer("etnografia", {"Etnografía"}, kFull).keywords, 1);
  EXPECT_EQ(ScoreAnswer("etnografi\xCC\x81"
                        "a",
                        {"etnografía"}, kFull)
                .keywords,
            1);
}

TEST(AnswerScoreTest, FindsKeywordsWithinWordsAndOverLineBreaks) {
  EXPECT_EQ(ScoreAnswer("los rituales", {"ritual"}, kFull).keywords, 1);
  EXPECT_EQ(ScoreAnswer("trabajo\n  de campo", {"trabajo de campo"}, kFull).keywords, 1);
}

TEST(AnswerScoreTest, KeepsTheLetterThatIsNoAccentedN) {
  EXPECT_EQ(ScoreAnswer("una peña", {"pena"}, kFull).keywords, 0);
  EXPECT_EQ(ScoreAnswer("UNA PEÑA", {"peña"}, kFull).keywords, 1);
  EXPECT_EQ(ScoreAnswer("pen\xCC\x83"
                        "a",
                        {"peña"}, kFull)
                .keywords,
            1);
}

TEST(AnswerScoreTest, SpanishPunctuationIsNoWord) {
  const AnswerScore score = ScoreAnswer("¿Qué? —«¡Sí!»…", {"x"}, kFull);
  EXPECT_DOUBLE_EQ(score.length, 0.2);
}

TEST(AnswerScoreTest, BytesThatWereNoTextAreNoWord) {
  EXPECT_EQ(ScoreAnswer("\xEF\xBF\xBD\xEF\xBF\xBD", {"x"}, kFull).total(), 0);
}

TEST(AnswerScoreTest, AnEmptyAnswerIsWorthNothing) {
  EXPECT_EQ(ScoreAnswer("", {"x"}, kFull).total(), 0);
  EXPECT_EQ(ScoreAnswer(" …\n", {"x"}, kFull).total(), 0);
}

TEST(AnswerScoreTest, BytesThatAreNotUtf8StayAsTheyAre) {
  EXPECT_EQ(Folded("a\xC3"), "a\xC3");
  EXPECT_EQ(Folded("\xFF\xCC"), "\xFF\xCC");
  EXPECT_EQ(Folded("\xC3\xBF\xC3\x9F"), "y\xC3\x9F");
}

}  // namespace
}  // namespace strata
