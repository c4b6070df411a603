// Finds a branch's datasets and says what is in them: tier, identity, good lines, bad lines,
// duplicates. Takes a Config, gives the tokeniser the places of the good lines. Holds no text.
// Model: a dataset is a regular file (or a link to one) in training/ whose name ends with .jsonl
// and does not begin with a dot. Blank lines are nothing; every other line is good or bad.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/lineage.h"
#include "coordinator/config/config.h"

namespace strata {

// Where a good line lies.
struct ExampleEntry {
  uint64_t offset = 0;  // bytes from the beginning of the file, behind a byte order mark
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
  std::vector<ExampleEntry> examples;  // in the order of the file, duplicates too
  std::vector<BadLine> bad_lines;      // the first kBadLinesKept
  uint64_t bad_line_count = 0;
  uint64_t duplicates_within = 0;  // lines whose content an earlier line of this file has
  // Lines whose content an earlier dataset of the catalog has that is not excluded.
  uint64_t duplicates_across = 0;
  bool excluded = false;          // by branch.yaml
  uint32_t num_train_epochs = 0;  // dataset's own, else tier's, else branch's
  double learning_rate = 0;
};

inline constexpr size_t kBadLinesKept = 100;
// A longer line is bad and is skipped without being held.
inline constexpr uint64_t kLineBytesMax = 16 << 20;

struct Catalog {
  // In the order of training: tiers in order; within a tier its `order`, then by name; unclaimed
  // files last, by name.
  std::vector<Dataset> datasets;
  // Files that the configuration names (in `datasets` or an `order`) and training/ does not have,
  // sorted: worth a warning.
  std::vector<std::string> missing;
  // Files of training/ that are no datasets, for their names; sorted, without hidden ones.
  std::vector<std::string> others;
};

// Reads every *.jsonl of config.TrainingDir() once, with bounded memory. A file without a good line
// stays in the catalog, and so does a link that leads nowhere, with that as its bad line. NOT_FOUND
// when the folder is missing; UNAVAILABLE when it or a file of it can't be read; DATA_LOSS for a
// file name that is not UTF-8 or has control characters.
absl::StatusOr<Catalog> ReadCatalog(const Config& config);

// One file outside training/, for `strata evaluate`; its tier is "". NOT_FOUND or UNAVAILABLE when
// it can't be read.
absl::StatusOr<Dataset> ReadDataset(const Config& config, const std::filesystem::path& path);

}  // namespace strata
