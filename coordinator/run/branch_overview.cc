#include "coordinator/run/branch_overview.h"

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/shell_word.h"
#include "coordinator/catalog/catalog.h"
#include "coordinator/config/branch_yaml.h"
#include "coordinator/plan/pending.h"
#include "coordinator/run/branch_start.h"
#include "coordinator/run/interrupted_run.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kReportBytesMax = 256 << 20;

// The first that is found is the branch's word; what is found later only adds to the sentences.
void Find(BranchHealth health, const std::string& finding, BranchOverview* overview) {
  if (overview->health == BranchHealth::kHealthy) overview->health = health;
  overview->findings.push_back(finding);
}

const char* CommandFor(const BranchOverview& overview) {
  switch (overview.health) {
    case BranchHealth::kHealthy:
      return nullptr;
    case BranchHealth::kRunFailed:
      return overview.last_run->began ? "strata watch --once -C " : "strata plan -C ";
    case BranchHealth::kDamaged:
      return "strata verify -C ";
    case BranchHealth::kReadOnly:
    case BranchHealth::kNoBase:
      return "strata doctor -C ";
    case BranchHealth::kNoDatasets:
      return "strata plan -C ";
    case BranchHealth::kConfigError:
      return "strata config -C ";
  }
  return nullptr;
}

void LookAtCurrent(const BranchStore& store, BranchOverview* overview) {
  for (const std::string& finding : store.CheapFindings())
    Find(BranchHealth::kDamaged, finding, overview);
  if (!store.damage().ok() || store.current().value() == 0) return;
  overview->current = store.current();
  const absl::StatusOr<Json> metadata = store.Metadata(store.current());
  if (!metadata.ok()) {
    Find(BranchHealth::kDamaged, std::string(metadata.status().message()), overview);
    return;
  }
  overview->current_since = JsonString(*metadata, "last_updated", "").value_or("");
}

// Where the adapters go, or the folder that would be made for them.
void LookAtPlace(const Config& config, BranchOverview* overview) {
  const fs::path adapters = config.AdaptersDir();
  if (CanMakeEntries(adapters)) return;
  Find(BranchHealth::kReadOnly,
       absl::StrCat("this user cannot write into ", adapters.string(),
                    ", or into the folder that it would be made in"),
       overview);
}

void LookAtBase(const Config& config, BranchOverview* overview) {
  std::error_code error;
  if (fs::exists(config.model_name_or_path / "config.json", error)) return;
  Find(BranchHealth::kNoBase,
       absl::StrCat("no base model at ", config.model_name_or_path.string(),
                    ": it has no config.json"),
       overview);
}

uint64_t NewExamples(const Dataset& dataset, const Lineage& lineage, const Pending& pending) {
  const auto known = lineage.examples.find(dataset.name);
  if (!pending.only_new || known == lineage.examples.end()) return dataset.examples.size();
  return static_cast<uint64_t>(std::count_if(
      dataset.examples.begin(), dataset.examples.end(),
      [&](const ExampleEntry& entry) { return known->second.count(entry.content) == 0; }));
}

PendingCount Count(const Config& config, const Catalog& catalog, const Lineage& lineage) {
  PendingCount count;
  std::vector<const Dataset*> earlier;
  for (const Dataset& dataset : catalog.datasets) {
    const Pending pending = PendingOf(config, dataset, lineage, {}, earlier);
    count.held += pending.held;
    count.refused += pending.is_error;
    if (!pending.train) continue;
    earlier.push_back(&dataset);
    ++count.datasets;
    count.examples += NewExamples(dataset, lineage, pending);
  }
  return count;
}

void LookAtDatasets(const Config& config, const BranchStore& store, BranchOverview* overview) {
  const absl::StatusOr<Catalog> catalog = ReadCatalog(config);
  if (!catalog.ok()) {
    Find(BranchHealth::kNoDatasets, std::string(catalog.status().message()), overview);
    return;
  }
  // What a damaged current was trained on, the ledger still knows; not which of their lines.
  absl::StatusOr<Lineage> lineage = store.LineageOfCurrent();
  if (!lineage.ok()) lineage = store.LineageWithoutExamples();
  if (lineage.ok()) overview->pending = Count(config, *catalog, *lineage);
}

// What a report says of each dataset; a report that people changed may say anything.
std::vector<Json> DatasetsOf(const Json& report) {
  std::vector<Json> datasets;
  const auto listed = report.find("datasets_trained");
  if (listed == report.end() || !listed->is_array()) return datasets;
  std::copy_if(listed->begin(), listed->end(), std::back_inserter(datasets),
               [](const Json& dataset) { return dataset.is_object(); });
  return datasets;
}

std::optional<double> LastLoss(const Json& report) {
  std::optional<double> last;
  for (const Json& dataset : DatasetsOf(report)) {
    const auto loss = dataset.find("loss");
    if (loss != dataset.end() && loss->is_number()) last = loss->get<double>();
  }
  return last;
}

// "train.jsonl: its first error" of the first that has one; "" = none.
std::string FirstError(const Json& report) {
  for (const Json& dataset : DatasetsOf(report)) {
    const auto error = JsonString(dataset, "error", "");
    if (error.ok())
      return absl::StrCat(JsonString(dataset, "dataset", "").value_or("?"), ": ", *error);
  }
  return "";
}

// Whether a train would have nothing to do: what the last one failed at was taken away since.
bool IsDone(const BranchOverview& overview) {
  return overview.pending.has_value() && overview.pending->datasets == 0 &&
         overview.pending->refused == 0 && overview.unfinished.empty();
}

void LookAtFailure(const Config& config, const Json& report, BranchOverview* overview) {
  if (overview->last_run->status != "failed" || IsDone(*overview)) return;
  std::string why = FirstError(report);
  if (why.empty() && overview->last_run->began) {
    why = absl::StrCat((config.RunsDir() / overview->last_run->run / "run.log").string(),
                       " says why");
  }
  Find(BranchHealth::kRunFailed, absl::StrCat("the last run failed", why.empty() ? "" : "; ", why),
       overview);
}

void LookAtRuns(const Config& config, const BranchStore& store, BranchOverview* overview) {
  if (store.damage().ok()) {
    for (const InterruptedRun& run : InterruptedRuns(config, store))
      overview->unfinished.push_back(absl::StrCat(run.run.value(), " ", UnfinishedText(run)));
  }
  const absl::StatusOr<std::string> text = ReadFile(ReportFile(config), kReportBytesMax);
  if (!text.ok()) return;
  const absl::StatusOr<Json> report = ParseJson(*text, ReportFile(config).string());
  if (!report.ok() || !report->is_object()) return;
  LastRun last{.run = JsonString(*report, "run", "").value_or("?"),
               .status = JsonString(*report, "status", "").value_or("?"),
               .ended = JsonString(*report, "end_time", "").value_or("?"),
               .loss = LastLoss(*report)};
  std::error_code error;
  last.began = fs::exists(config.RunsDir() / last.run / "journal.jsonl", error);
  overview->last_run = std::move(last);
  LookAtFailure(config, *report, overview);
}

}  // namespace

const char* HealthText(BranchHealth health) {
  switch (health) {
    case BranchHealth::kHealthy:
      return "healthy";
    case BranchHealth::kRunFailed:
      return "run failed";
    case BranchHealth::kDamaged:
      return "damaged";
    case BranchHealth::kReadOnly:
      return "read-only";
    case BranchHealth::kNoBase:
      return "no base";
    case BranchHealth::kNoDatasets:
      return "no datasets";
    case BranchHealth::kConfigError:
      return "config error";
  }
  return "unknown";
}

ExitCode CodeOf(BranchHealth health) {
  switch (health) {
    case BranchHealth::kHealthy:
      return ExitCode::kOk;
    case BranchHealth::kDamaged:
      return ExitCode::kData;
    case BranchHealth::kReadOnly:
      return ExitCode::kCantCreate;
    case BranchHealth::kRunFailed:
    case BranchHealth::kNoBase:
    case BranchHealth::kNoDatasets:
      return ExitCode::kUnavailable;
    case BranchHealth::kConfigError:
      return ExitCode::kConfig;
  }
  return ExitCode::kBug;
}

BranchOverview OverviewOf(const fs::path& folder) {
  BranchOverview overview;
  overview.folder = folder;
  const absl::StatusOr<Config> config = LoadConfig(folder, {});
  if (config.ok()) {
    overview.name = config->name;
    const absl::StatusOr<BranchStore> store = OpenBranchStore(*config);
    if (store.ok()) {
      LookAtCurrent(*store, &overview);
      LookAtPlace(*config, &overview);
      LookAtBase(*config, &overview);
      LookAtDatasets(*config, *store, &overview);
      LookAtRuns(*config, *store, &overview);
    } else {
      Find(BranchHealth::kDamaged, std::string(store.status().message()), &overview);
    }
  } else {
    Find(BranchHealth::kConfigError, std::string(config.status().message()), &overview);
  }
  if (const char* const command = CommandFor(overview); command != nullptr)
    overview.more = absl::StrCat(command, ShellWord(folder.string()));
  return overview;
}

}  // namespace strata
