// Shows a run's figures in Prometheus' text format 0.0.4. Takes RunFigures, gives the page that
// MetricsFile writes and MetricsServer answers with.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coordinator/observe/run_figures.h"

namespace strata {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// Puts a page together: a family's head, then its samples.
class MetricsPage {
 public:
  // The labels that every sample has.
  explicit MetricsPage(MetricLabels labels) : labels_(std::move(labels)) {}
  // `type`: "gauge" or "counter".
  void Family(std::string_view name, std::string_view type, std::string_view help);
  // Of the last family. NaN and infinities are written as such.
  void Sample(double value, const MetricLabels& more = {});
  const std::string& text() const { return text_; }

 private:
  const MetricLabels labels_;
  std::string name_, text_;
};

// `labels`: branch and run. What is not known yet is left out.
std::string MetricsText(const RunFigures& figures, const MetricLabels& labels);

}  // namespace strata
