// Runs `strata export`: a version as a folder of its own for other programs, or the base with the
// version merged into it. Takes a branch's store and its base, changes neither; needs no worker.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/config/config.h"
#include "coordinator/export/merged_weights.h"
#include "coordinator/store/branch_store.h"

namespace strata {

struct ExportRequest {
  std::filesystem::path folder;     // new or empty
  std::string version = "current";  // "current", or a name as Restore takes it
  bool merged = false;              // the base's weights with the adapter in them
  std::function<void()> on_start;   // before anything is written
  OnBytes on_bytes;                 // while weights are merged
};

struct ExportResult {
  std::filesystem::path folder;  // absolute
  Version version;
  std::filesystem::path source;  // the version's folder, or the backup that was taken
  std::string adapter_name, base_model_name;
  uint32_t lora_r = 0;
  bool has_template = false;
  std::vector<std::string> files;  // sorted
  uint64_t bytes = 0;
  std::vector<std::string> notes;  // what the user should know, in sentences
};

// The weights' bytes that a merge writes, for a bar; 0 when they can't be told.
uint64_t WeightBytes(const std::filesystem::path& base);

// Errors of BranchStore::Find and ExportFolder. FAILED_PRECONDITION when a merge is asked for and
// the base is not the one that the version was trained on, or has weights that cannot be merged;
// DATA_LOSS when merged numbers are not finite. The folder is not there then.
absl::StatusOr<ExportResult> Export(const Config& config, const ExportRequest& request);

}  // namespace strata
