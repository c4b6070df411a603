// Runs `strata import`: commits an adapter that was made elsewhere as the branch's next version.
// Takes a Config and an adapter's folder; leaves one version more, current, with backups and
// rotation as after a training.
//
// Model: the version begins a fresh lineage, for what the adapter has seen is not known: all of
// training/ is pending afterwards, but for the files that the user says it was trained on and for
// held and excluded ones, which stay so.
// Errors: FAILED_PRECONDITION when branch.yaml asks for another adapter, INVALID_ARGUMENT for one
// that is not plain LoRA on this base, DATA_LOSS for one that is damaged or untrained, ABORTED
// while a run holds the branch (it would end parked). Nothing is changed then.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/config/config.h"
#include "coordinator/store/candidate.h"

namespace strata {

struct ImportRequest {
  std::filesystem::path folder;
  std::vector<std::string> trained;  // as DatasetsNamed: files of training/ it has seen
  // What was mended or should be known, a sentence each.
  std::function<void(const std::string&)> on_warning;
};

struct ImportResult {
  Version version;
  bool already_current = false;  // `version` is this very adapter; nothing was changed
  bool parked = false;           // another process moved current meanwhile
  bool unfinished = false;       // committed, but the links and backups follow at the next start
  std::vector<std::string> backups;
  std::vector<StageResult> trained;  // elsewhere, as the user says
  std::vector<std::string> pending;  // names of datasets
  std::vector<std::string> held;     // by a restore before the import, and still
  Json imported_from;
};

absl::StatusOr<ImportResult> Import(const Config& config, const ImportRequest& request);

}  // namespace strata
