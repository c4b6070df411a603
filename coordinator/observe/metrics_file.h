// Keeps a run's metrics in a file for the textfile collector of Prometheus' node exporter.
// Takes a page of MetricsText.
#pragma once

#include <filesystem>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace strata {

class MetricsFile {
 public:
  explicit MetricsFile(std::filesystem::path path) : path_(std::move(path)) {}
  // Replaces the file at once: who reads it sees the page before or this one, whole. Nothing is
  // fsynced: after a power cut a run has other metrics. UNAVAILABLE with the path.
  absl::Status Write(std::string_view page) const;

 private:
  const std::filesystem::path path_;
};

}  // namespace strata
