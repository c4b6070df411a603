// Writes incremental_training_results.json, the report of the last run. The run fills it at its
// end, whatever became of it.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "coordinator/store/candidate.h"
#include "coordinator/store/metadata.h"

namespace strata {

struct RunReport {
  std::string start_time, end_time;  // ISO 8601, UTC
  std::string status;                // "completed", "partial", "failed", "interrupted"
  std::vector<StageResult> stages;   // in the order they were trained
  std::vector<std::string> backups;  // names
  Json final_metadata;               // of the version that the run made; null = none
};

// Replaces `file` at once. A trained dataset carries its loss and the examples trained up to then,
// over the whole lineage; one that failed carries its error.
absl::Status WriteReport(const std::filesystem::path& file, const RunReport& report,
                         FileSystem* files);

}  // namespace strata
