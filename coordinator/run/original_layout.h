// Reads the layout of adapters that came before strata's: plain folders `current`, `previous`,
// `backups/backup_…` and named snapshots, each one adapter. Takes the folder and the base's shapes,
// gives `strata adopt` the distinct adapters in the order in which they become versions. Only
// reads.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/sha256.h"
#include "coordinator/run/adapter_folder.h"

namespace strata {

// One adapter, under each of the names that it has.
struct OldAdapter {
  std::filesystem::path folder;  // the one that is read: with its training_metadata.json, if any
  std::vector<std::string>
      names;  // "current", "backup_current_20251031_104042", "antropologia_2025"
  // Of its last training, "2025-10-31T10:40:42": by its metadata, else by a backup's name, else by
  // its file; the earliest of its names counts.
  std::string time;
  Digest identity;  // of its values and its scale
  bool Has(const std::string& name) const;
};

// A folder that is no version's source, and why.
struct LeftFolder {
  std::string name, reason;
};

struct OriginalLayout {
  // Oldest first, but that current is the last, and before it stands what becomes previous: the old
  // previous where it differs from current, else the newest of the others.
  std::vector<OldAdapter> adapters;
  std::vector<LeftFolder> left;
  // The old system copied the new current over previous.
  bool previous_was_current = false;
};

// Whether `adapters` is such a layout: a real folder with an adapter in a real folder `current`.
bool IsOriginalLayout(const std::filesystem::path& adapters);

// Errors of ReadAdapterFolder and, for an untrained adapter, DATA_LOSS: about `current`. Another
// folder that cannot be taken is left, with the reason.
absl::StatusOr<OriginalLayout> ReadOriginalLayout(const std::filesystem::path& adapters,
                                                  const ModelConfig& model,
                                                  const std::string& base_model_name);

}  // namespace strata
