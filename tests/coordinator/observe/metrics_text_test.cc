// Goal: a page is Prometheus' text format whatever names and figures are. Method: hostile labels,
// figures that are no numbers. promtool's own opinion, system/metrics_test.py asks.
#include "coordinator/observe/metrics_text.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "tests/coordinator/observe/small_run.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(MetricsPageTest, EscapesWhatWouldEndALabel) {
  MetricsPage page(MetricLabels{{"branch", "a\\b\"c\nd"}});
  page.Family("strata_x", "gauge", "One \\ two\nthree \"four\".");
  page.Sample(1);
  EXPECT_EQ(page.text(),
            "# HELP strata_x One \\\\ two\\nthree \"four\".\n"
            "# TYPE strata_x gauge\n"
            "strata_x{branch=\"a\\\\b\\\"c\\nd\"} 1\n");
}

TEST(MetricsPageTest, WritesEveryNumber) {
  MetricsPage page(MetricLabels{});
  page.Family("strata_x", "gauge", "x");
  for (const double value :
       {0.1, 1e-300, 12345678901234.0, std::nan(""), std::numeric_limits<double>::infinity()})
    page.Sample(value);
  EXPECT_THAT(page.text(), HasSubstr("strata_x 0.1\nstrata_x 1e-300\nstrata_x 12345678901234\n"
                                     "strata_x NaN\nstrata_x +Inf\n"));
}

TEST(MetricsPageTest, AddsASamplesOwnLabels) {
  MetricsPage page(MetricLabels{{"run", "r"}});
  page.Family("strata_x", "gauge", "x");
  page.Sample(0, {{"state", "failed"}});
  EXPECT_THAT(page.text(), HasSubstr("strata_x{run=\"r\",state=\"failed\"} 0\n"));
}

class MetricsTextTest : public testing::Test {
 protected:
  std::string Text() const {
    return MetricsText(tally_.figures(), {{"branch", "b"}, {"run", "r"}});
  }
  RunTally tally_{SmallPlan(), std::nullopt};
};

TEST_F(MetricsTextTest, BeforeTheFirstStepTellsNoFigureThatIsNotThere) {
  EXPECT_THAT(Text(), HasSubstr("strata_run_state{branch=\"b\",run=\"r\",state=\"starting\"} 1\n"));
  EXPECT_THAT(Text(), HasSubstr("strata_steps_planned{branch=\"b\",run=\"r\"} 8\n"));
  EXPECT_THAT(Text(), Not(HasSubstr("strata_loss")));
  EXPECT_THAT(Text(), Not(HasSubstr("strata_version_committed")));
}

TEST_F(MetricsTextTest, TellsALossThatIsNoNumber) {
  StepSeen step = StepAt(0, 0, 1);
  step.loss = std::nan("");
  step.skipped = true;
  tally_.Take(Told(step));
  EXPECT_THAT(Text(), HasSubstr("strata_loss{branch=\"b\",run=\"r\"} NaN\n"));
  EXPECT_THAT(Text(), HasSubstr("strata_steps_skipped_total{branch=\"b\",run=\"r\"} 1\n"));
}

TEST_F(MetricsTextTest, TellsTheVersionThatWasCommitted) {
  tally_.Take(Told(CommitSeen{Version(12)}, 5));
  tally_.Take(Told(RunEndSeen{"partial", "v0012 is current"}));
  EXPECT_THAT(Text(), HasSubstr("strata_version_committed{branch=\"b\",run=\"r\"} 12\n"));
  EXPECT_THAT(Text(),
              HasSubstr("strata_commit_timestamp_seconds{branch=\"b\",run=\"r\"} 1796000005\n"));
  EXPECT_THAT(Text(), HasSubstr("state=\"partial\"} 1\n"));
  EXPECT_THAT(Text(), HasSubstr("state=\"training\"} 0\n"));
}

}  // namespace
}  // namespace strata
