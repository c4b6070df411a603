// Finds a branch's datasets and says what is in them: tier, identity, good lines, bad lines, duplicates.
// Takes a Config, gives the tokeniser the places of the good lines. Holds no text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/lineage.h"
#include "coordinator/config/config.h"

namespace strata {

// Where a good line lies.
struct ExampleEntry {
  uint64_t offset = 0;  // bytes from the beginning of the file
  uint32_t bytes = 0;   // without the line break
  uint32_t line = 0;    // from 1
  ExampleDigest content, prompt;
};

struct BadLine {
  uint64_t line = 0;  // from 1
  std::string reason;
};

struct Dataset {
  std::string name;  // file name within training/
  std::filesystem::path path;
  std::string tier;  // "" when no tier claims it
  Digest sha256;     // of the file
  uint64_t bytes = 0;
  std::vector<ExampleEntry> examples;
  std::vector<BadLine> bad_lines;  // the first kBadLinesKept
  uint64_t bad_line_count = 0;
  uint64_t duplicates_within = 0;  // lines whose content an earlier line of this file has
  uint64_t duplicates_across = 0;  // lines whose content a dataset earlier in the catalog has
  bool excluded = false;           // by branch.yaml
  uint32_t num_train_epochs = 0;   // dataset's own, else tier's, else branch's
  double learning_rate = 0;
};

inline constexpr size_t kBadLinesKept = 100;
inline constexpr uint64_t kLineBytesMax = 16 << 20;  // a longer line is bad and is skipped without being held

// In the order of training: tiers in order; within a tier its `order`, then by name; unclaimed files last, by name.
struct Catalog {
  std::vector<Dataset> datasets;
};

// The tier of a file name: the index into config.tiers, or -1.
int TierOf(const Config& config, std::string_view file_name);

// Reads every *.jsonl of config.TrainingDir() once, with bounded memory. A file without a good line stays in the
// catalog. NOT_FOUND when the folder is missing; UNAVAILABLE when a file can't be read.
absl::StatusOr<Catalog> ReadCatalog(const Config& config);

// One file outside training/, for `strata evaluate`; its tier is "".
absl::StatusOr<Dataset> ReadDataset(const Config& config, const std::filesystem::path& path);

}  // namespace strata
