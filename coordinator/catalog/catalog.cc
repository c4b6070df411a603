#include "coordinator/catalog/catalog.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <set>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/catalog/example.h"
#include "coordinator/catalog/line_reader.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadersMax = 4;

// Where a file stands in the order of training.
struct Place {
  size_t tier = 0;   // unclaimed files have config.tiers.size()
  size_t order = 0;  // unlisted files have the length of the tier's order
  std::string name;
  bool operator<(const Place& other) const {
    return std::tie(tier, order, name) < std::tie(other.tier, other.order, other.name);
  }
};

Place PlaceOf(const Config& config, const std::string& name) {
  const int tier = TierOf(config, name);
  if (tier < 0) return {config.tiers.size(), 0, name};
  const std::vector<std::string>& order = config.tiers[tier].order;
  const auto listed = std::find(order.begin(), order.end(), name);
  return {static_cast<size_t>(tier), static_cast<size_t>(listed - order.begin()), name};
}

absl::Status CheckName(const fs::path& path) {
  const std::string name = path.filename().string();
  const bool control =
      std::any_of(name.begin(), name.end(), [](char c) { return c >= 0 && c < ' '; });
  if (!control && IsUtf8(name)) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "a dataset's name is not UTF-8 or has control characters; rename it: ", path.string()));
}

absl::StatusOr<std::vector<fs::path>> FindDatasets(const fs::path& folder,
                                                   std::vector<std::string>* others) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error == std::errc::no_such_file_or_directory) {
    return absl::NotFoundError(
        absl::StrCat("no training folder; make it and put *.jsonl files there: ", folder.string()));
  }
  std::vector<fs::path> found;
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const fs::path path = entries->path();
    if (path.filename().string()[0] == '.') continue;
    std::error_code status_error;
    if (path.extension() != ".jsonl") {
      if (fs::is_regular_file(path, status_error)) others->push_back(path.filename().string());
      continue;
    }
    const fs::file_status status = fs::status(path, status_error);
    // A link that leads nowhere was meant as a dataset: it has one that cannot be read.
    const bool dangling = status.type() == fs::file_type::not_found;
    if (status.type() == fs::file_type::none) {
      return absl::UnavailableError(
          absl::StrCat("cannot read a dataset; repair or remove it: ", path.string()));
    }
    if (!dangling && !fs::is_regular_file(status)) continue;
    RETURN_IF_ERROR(CheckName(path));
    found.push_back(path);
  }
  std::sort(others->begin(), others->end());
  if (!error) return found;
  return absl::UnavailableError(
      absl::StrCat("cannot list the datasets: ", error.message(), ": ", folder.string()));
}

// Takes one line into `dataset`.
void TakeLine(const Line& line, ExampleReader* reader, ExampleDigester* digester, Example* example,
              Dataset* dataset) {
  std::string reason;
  if (line.too_long) {
    reason = absl::StrCat("longer than ", kLineBytesMax >> 20, " MiB");
  } else if (line.number > std::numeric_limits<uint32_t>::max()) {
    reason = "beyond the last line that can be numbered";
  } else if (const absl::Status status = reader->Read(line.text, example); !status.ok()) {
    reason = std::string(status.message());
  }
  if (!reason.empty()) {
    if (++dataset->bad_line_count <= kBadLinesKept)
      dataset->bad_lines.push_back({line.number, reason});
    return;
  }
  const ExampleDigests digests = digester->Of(*example);
  dataset->examples.push_back({line.offset, static_cast<uint32_t>(line.text.size()),
                               static_cast<uint32_t>(line.number), digests.content,
                               digests.prompt});
}

absl::StatusOr<Dataset> ScanFile(const fs::path& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<LineReader> lines, LineReader::Open(path, kLineBytesMax));
  Dataset dataset;
  dataset.name = path.filename().string();
  dataset.path = path;
  ExampleReader reader;
  ExampleDigester digester;
  Example example;
  for (Line line;;) {
    ASSIGN_OR_RETURN(const bool more, lines->Next(&line));
    if (!more) break;
    if (line.too_long || !IsBlank(line.text))
      TakeLine(line, &reader, &digester, &example, &dataset);
  }
  dataset.sha256 = lines->Finish();
  dataset.bytes = lines->bytes();
  dataset.examples.shrink_to_fit();
  return dataset;
}

// A file that is gone, or whose link leads nowhere, is an error of its own, and no other's.
absl::StatusOr<Dataset> ScanOne(const fs::path& path) {
  absl::StatusOr<Dataset> dataset = ScanFile(path);
  if (!absl::IsNotFound(dataset.status())) return dataset;
  Dataset missing;
  missing.name = path.filename().string();
  missing.path = path;
  missing.bad_line_count = 1;
  missing.bad_lines.push_back({0,
                               "the file is not there; does its link lead nowhere? Repair or "
                               "remove it"});
  return missing;
}

// Several files at a time; the result is in the order of `paths`, and its error is that of the
// first file that has one.
absl::StatusOr<std::vector<Dataset>> ScanFiles(const std::vector<fs::path>& paths) {
  std::vector<absl::StatusOr<Dataset>> read(paths.size(), absl::UnknownError("not read"));
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i; (i = next.fetch_add(1)) < paths.size();) read[i] = ScanOne(paths[i]);
  };
  const size_t readers = std::min(
      {kReadersMax, paths.size(), size_t{std::max(1U, std::thread::hardware_concurrency())}});
  {
    std::vector<std::jthread> threads;
    for (size_t i = 1; i < readers; ++i) threads.emplace_back(work);
    work();
  }
  std::vector<Dataset> datasets;
  for (absl::StatusOr<Dataset>& dataset : read) {
    RETURN_IF_ERROR(dataset.status());
    datasets.push_back(*std::move(dataset));
  }
  return datasets;
}

// What the branch, the tier and the dataset say of it.
void Resolve(const Config& config, int tier_index, const DatasetConfig* own, Dataset* dataset) {
  dataset->num_train_epochs = config.num_train_epochs;
  dataset->learning_rate = config.learning_rate;
  if (tier_index >= 0) {
    const TierConfig& tier = config.tiers[tier_index];
    dataset->tier = tier.name;
    dataset->num_train_epochs = tier.num_train_epochs.value_or(dataset->num_train_epochs);
    dataset->learning_rate = tier.learning_rate.value_or(dataset->learning_rate);
  }
  if (own == nullptr) return;
  dataset->num_train_epochs = own->num_train_epochs.value_or(dataset->num_train_epochs);
  dataset->learning_rate = own->learning_rate.value_or(dataset->learning_rate);
  dataset->excluded = own->exclude;
}

struct Seen {
  uint32_t first_trained = 0, last = 0;  // positions in the catalog
};

void CountDuplicates(std::vector<Dataset>* datasets) {
  constexpr uint32_t kNever = std::numeric_limits<uint32_t>::max();
  absl::flat_hash_map<ExampleDigest, Seen, ExampleDigestHash> seen;
  for (uint32_t i = 0; i < datasets->size(); ++i) {
    Dataset& dataset = (*datasets)[i];
    for (const ExampleEntry& example : dataset.examples) {
      Seen& before = seen.try_emplace(example.content, Seen{kNever, kNever}).first->second;
      if (before.last == i) ++dataset.duplicates_within;
      if (before.first_trained < i) ++dataset.duplicates_across;
      before.last = i;
      if (!dataset.excluded) before.first_trained = std::min(before.first_trained, i);
    }
  }
}

std::vector<std::string> MissingFiles(const Config& config, const std::vector<Dataset>& datasets) {
  std::set<std::string> missing;
  for (const DatasetConfig& dataset : config.datasets) missing.insert(dataset.file);
  for (const TierConfig& tier : config.tiers) missing.insert(tier.order.begin(), tier.order.end());
  for (const Dataset& dataset : datasets) missing.erase(dataset.name);
  return {missing.begin(), missing.end()};
}

}  // namespace

absl::StatusOr<Catalog> ReadCatalog(const Config& config) {
  Catalog catalog;
  ASSIGN_OR_RETURN(std::vector<fs::path> paths,
                   FindDatasets(config.TrainingDir(), &catalog.others));
  std::sort(paths.begin(), paths.end(), [&](const fs::path& a, const fs::path& b) {
    return PlaceOf(config, a.filename().string()) < PlaceOf(config, b.filename().string());
  });
  ASSIGN_OR_RETURN(catalog.datasets, ScanFiles(paths));
  for (Dataset& dataset : catalog.datasets) {
    Resolve(config, TierOf(config, dataset.name), DatasetConfigOf(config, dataset.name), &dataset);
  }
  CountDuplicates(&catalog.datasets);
  catalog.missing = MissingFiles(config, catalog.datasets);
  return catalog;
}

absl::StatusOr<Dataset> ReadDataset(const Config& config, const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() != fs::file_type::not_found && !fs::is_regular_file(status)) {
    return absl::UnavailableError(absl::StrCat("not a regular file: ", path.string()));
  }
  std::vector<Dataset> datasets;
  ASSIGN_OR_RETURN(datasets.emplace_back(), ScanFile(path));
  Resolve(config, /*tier_index=*/-1, /*own=*/nullptr, &datasets[0]);
  CountDuplicates(&datasets);
  return std::move(datasets[0]);
}

}  // namespace strata
