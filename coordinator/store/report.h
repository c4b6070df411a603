// Writes incremental_training_results.json, the report of the last run. The run fills it at its
// end, whatever became of it; where a kill kept it from that, the next start fills it from the
// ledger.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "coordinator/store/branch_state.h"
#include "coordinator/store/candidate.h"
#include "coordinator/store/metadata.h"

namespace strata {

struct RunReport {
  std::string run;                   // its id
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

// The report of the run that made `commit`, as far as ledger and metadata know it: the trained
// stages. For a run that was killed between its commit and its report.
RunReport ReportOf(const CommittedVersion& commit, const std::vector<std::string>& backups,
                   const Json& metadata);

// Writes `known` to `file` when the report there is missing, cannot be read or is of an older run
// (run ids begin with their UTC time, so they order as text); gives whether it did.
absl::StatusOr<bool> MendReport(const std::filesystem::path& file, const RunReport& known,
                                FileSystem* files);

}  // namespace strata
