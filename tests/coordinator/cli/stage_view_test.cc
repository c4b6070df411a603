// Goal: a stage is shown whole at every width, and no line reaches the edge. Method: one stage at
// widths from 40 to 200.
#include "coordinator/cli/stage_view.h"

#include <cmath>

#include "coordinator/cli/text_width.h"
#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Terminal Wide(int columns, bool utf8 = true) {
  Terminal terminal;
  terminal.draws = true;
  terminal.utf8 = utf8;
  terminal.columns = columns;
  return terminal;
}

StageView Sample() {
  StageView view;
  view.number = 3;
  view.count = 12;
  view.dataset = "premium_antropología_de_los_años_del_español.jsonl";
  view.tier = "premium";
  view.tier_columns = 13;
  view.examples = 320;
  view.epoch = 2;
  view.epochs = 3;
  view.done = 120;
  view.total = 240;
  view.loss = 2.34567;
  for (int i = 0; i < 100; ++i) view.losses.push_back(4 - i / 50.0);
  view.tokens_per_second = 5330;
  view.stage_seconds_left = 80;
  view.run_seconds_left = 4000;
  view.seconds = 75;
  return view;
}

TEST(StageViewTest, TellsWhatIsTrainedAndHowFarItIs) {
  const auto lines = StageLines(Sample(), Wide(100));
  EXPECT_EQ(lines[0],
            "▸ 3/12 premium        premium_antropología_de…_años_del_español.jsonl  epoch 2/3  "
            "run 1 h 06 m left");
  EXPECT_EQ(lines[1],
            "       ━━━━━━━━━━━───────────  50%  loss 2.3457 ███▇▇▇▆▆▅▅▄▄▄▃▃▃▂▂▁▁▁  5330 tokens/s  "
            "1 m 20 s left");
}

TEST(StageViewTest, NoLineReachesTheEdge) {
  for (const bool utf8 : {true, false}) {
    for (int columns = 60; columns < 200; ++columns) {
      StageView view = Sample();
      for (const std::string& line : StageLines(view, Wide(columns, utf8)))
        EXPECT_LT(DisplayWidth(line), columns) << line;
      EXPECT_LT(DisplayWidth(StageEndLine(view, Wide(columns, utf8))), columns);
      view.done = view.total;
      EXPECT_LT(DisplayWidth(StageEndLine(view, Wide(columns, utf8))), columns);
    }
  }
}

TEST(StageViewTest, SixtyColumnsStillTellLossAndTime) {
  EXPECT_THAT(StageLines(Sample(), Wide(60))[1], HasSubstr("loss 2.3457"));
  EXPECT_THAT(StageLines(Sample(), Wide(60))[1], HasSubstr("1 m 20 s left"));
}

TEST(StageViewTest, WithoutUtf8BarsAreAscii) {
  EXPECT_THAT(StageLines(Sample(), Wide(80, false))[1], HasSubstr("####----"));
  EXPECT_EQ(Sparkline({1, 2}, 8, Wide(80, false)), "");
  EXPECT_THAT(StageEndLine(Sample(), Wide(80, false)), StartsWith("! "));
}

TEST(StageViewTest, AStageThatEndedEarlySaysSo) {
  EXPECT_THAT(StageEndLine(Sample(), Wide(100)), HasSubstr("ended after 120 of 240 updates"));
  StageView whole = Sample();
  whole.done = whole.total;
  EXPECT_THAT(StageEndLine(whole, Wide(100)), StartsWith("✓ 3/12 premium"));
  EXPECT_THAT(StageEndLine(whole, Wide(100)), HasSubstr("320 x 3  loss 2.3457   1 m 15 s"));
  EXPECT_THAT(StageEndLine(whole, Wide(60)), Not(HasSubstr("320 x 3")));
}

TEST(StageViewTest, ALossThatWasNeverFiniteIsNoNumber) {
  StageView view = Sample();
  view.loss = std::nan("");
  view.losses.clear();
  EXPECT_THAT(StageLines(view, Wide(80))[1], HasSubstr("loss -"));
}

TEST(StageViewTest, AHugeLossFitsTheNarrowestLine) {
  StageView view = Sample();
  for (const double loss : {1e300, -1e300, 99999.99999}) {
    view.loss = loss;
    EXPECT_LT(DisplayWidth(StageLines(view, Wide(40))[1]), 40u) << loss;
  }
  view.loss = 1e300;
  EXPECT_THAT(StageLines(view, Wide(80))[1], HasSubstr("loss 1e+300"));
}

TEST(SparklineTest, SpansTheLeastAndTheGreatestOfWhatIsShown) {
  EXPECT_EQ(Sparkline({0, 1, 2, 3, 4, 5, 6, 7}, 8, Wide(80)), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(Sparkline({100, 2, 1}, 2, Wide(80)), "█▁");
  EXPECT_EQ(Sparkline({3, 3}, 8, Wide(80)), "▁▁");
  EXPECT_EQ(Sparkline({}, 8, Wide(80)), "");
}

TEST(DurationTextTest, HasTheTwoGreatestUnits) {
  EXPECT_EQ(DurationText(0), "0 s");
  EXPECT_EQ(DurationText(59.6), "1 m 00 s");
  EXPECT_EQ(DurationText(3725), "1 h 02 m");
  EXPECT_EQ(DurationText(-1), "0 s");
  EXPECT_EQ(DurationText(std::nan("")), "0 s");
}

TEST(TierStylesTest, ATierHasOneColourAndNoTierNone) {
  const auto styles = TierStyles({"a", "", "b", "a", "c", "d"});
  EXPECT_EQ(styles.size(), 4);
  EXPECT_NE(styles.at("a"), styles.at("b"));
  EXPECT_EQ(styles.at("a"), styles.at("d"));
}

}  // namespace
}  // namespace strata
