// status, history, backups, restore, verify: what shows or turns the store's names, without
// training.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/stage_view.h"
#include "coordinator/cli/terminal.h"
#include "coordinator/cli/text_table.h"
#include "coordinator/cli/text_width.h"
#include "coordinator/store/branch_store.h"
#include "coordinator/store/portability.h"

namespace strata {
namespace {

// What a user may do about a finding.
constexpr char kMends[] =
    "the next strata train or restore finishes what a kill left undone; a backup replaces what is "
    "still damaged then: strata backups, strata restore NAME";

constexpr uint64_t kReportBytesMax = 256 << 20;

Json NameOrNull(Version version) {
  return version.value() != 0 ? Json(VersionName(version)) : Json();
}

Json BackupsToJson(const std::vector<BackupInfo>& backups) {
  Json list = Json::array();
  for (const BackupInfo& backup : backups) {
    list.push_back({{"name", backup.name}, {"version", NameOrNull(backup.version)}});
  }
  return list;
}

Json PinsToJson(const std::vector<PinInfo>& pins) {
  Json list = Json::array();
  for (const PinInfo& pin : pins) {
    list.push_back(
        {{"name", pin.name}, {"version", VersionName(pin.version)}, {"by_hand", pin.by_hand}});
  }
  return list;
}

// Versions that were committed before it was judged say nothing.
PortabilityText PortabilityOfCurrent(const Json& metadata) {
  const auto at = metadata.find("portability");
  return at != metadata.end() ? TextOfPortability(*at) : PortabilityText();
}

// Answers for a damaged branch too: what is not known is null, and the findings say why.
Json StatusOf(const Config& config, const BranchStore& store) {
  Json json;
  std::vector<std::string> findings = store.CheapFindings();
  const bool known = store.damage().ok();
  Json metadata;
  if (known && store.current().value() != 0) {
    absl::StatusOr<Json> read = store.Metadata(store.current());
    if (!read.ok()) findings.emplace_back(read.status().message());
    if (read.ok()) metadata = *std::move(read);
    for (const std::string& breach : PortabilityOfCurrent(metadata).breaches)
      findings.push_back(absl::StrCat(VersionName(store.current()), " is not portable: ", breach));
  }
  json["health"] = findings.empty() ? "healthy" : "damaged";
  json["findings"] = findings;
  json["current"] = {{"version", known ? NameOrNull(store.current()) : Json()},
                     {"metadata", std::move(metadata)}};
  json["previous"] = known ? NameOrNull(store.previous()) : Json();
  json["parked"] = Json::array();
  for (const Version version : store.Parked()) json["parked"].push_back(VersionName(version));
  const absl::StatusOr<std::vector<BackupInfo>> backups = store.Backups();
  json["backups"] = backups.ok() ? BackupsToJson(*backups) : Json();
  json["pins"] = known ? PinsToJson(store.Pins()) : Json();
  const auto report =
      ReadFile(config.branch / "incremental_training_results.json", kReportBytesMax);
  json["last_run"] = nullptr;
  if (report.ok()) {
    auto parsed = ParseJson(*report, "incremental_training_results.json");
    if (parsed.ok() && parsed->is_object()) parsed->erase("final_metadata");
    if (parsed.ok()) json["last_run"] = *std::move(parsed);
  }
  return json;
}

std::string Loss(const Json& metadata, const char* key) {
  const auto loss = metadata.find(key);
  return loss != metadata.end() && loss->is_number() ? absl::StrFormat("%.4f", loss->get<double>())
                                                     : "unknown";
}

void PrintStatus(const Config& config, const Json& json, bool known) {
  const Terminal terminal = Terminal::Of(fileno(stdout));
  TextTable table({{""}, {"", false, /*shrinks=*/true}});
  const auto line = [&](const char* what, const std::string& value, Style style = Style::kPlain) {
    table.AddRow({{what, Style::kDim}, {value, style}});
  };
  const auto name = [&](const Json& value, const char* none) {
    return !known ? "unknown" : value.is_null() ? none : value.get<std::string>();
  };
  line("branch", config.branch.string());
  line("health", json["health"].get<std::string>(),
       json["findings"].empty() ? Style::kGreen : Style::kRed);
  for (const Json& finding : json["findings"])
    table.AddNote(1, {finding.get<std::string>(), Style::kRed});
  if (known && !json["findings"].empty()) table.AddNote(1, {kMends});
  line("current", name(json["current"]["version"], "none yet: strata train"), Style::kBold);
  const Json& metadata = json["current"]["metadata"];
  if (metadata.is_object()) {
    line("trained",
         absl::StrCat(DumpJson(metadata.value("total_examples_trained", Json())), " examples, ",
                      DumpJson(metadata.value("total_epochs", Json())), " epochs"));
    line("loss", absl::StrCat("last ", Loss(metadata, "last_loss"), ", best ",
                              Loss(metadata, "best_loss")));
    const std::vector<std::string> loaders = PortabilityOfCurrent(metadata).loaders;
    if (!loaders.empty()) line("loads in", absl::StrJoin(loaders, ", "));
  }
  line("previous", name(json["previous"], "none"));
  for (const Json& parked : json["parked"]) {
    const std::string version = parked.get<std::string>();
    line("parked", version, Style::kYellow);
    table.AddNote(1, {"current had moved on; take it with strata restore " + version});
  }
  for (const Json& pin : json["pins"]) {
    line("pin",
         absl::StrCat(pin["name"].get<std::string>(), " is ", pin["version"].get<std::string>(),
                      pin["by_hand"].get<bool>() ? ", by a link made by hand" : ""));
  }
  if (known) line("backups", absl::StrCat(json["backups"].size()));
  if (json["last_run"].is_object()) {
    const auto said = [&](const char* key) {
      return JsonString(json["last_run"], key, "the report").value_or("?");
    };
    line("last run", absl::StrCat(said("status"), ", ended ", said("end_time")));
  }
  std::printf("%s", table.Render(terminal).c_str());
}

absl::StatusOr<ExitCode> RunStatus(const BranchOptions& options) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  ASSIGN_OR_RETURN(const BranchStore store, BranchStore::Open(config.AdaptersDir()));
  const Json json = StatusOf(config, store);
  if (options.json) {
    std::printf("%s\n", DumpJson(json, 1).c_str());
  } else {
    PrintStatus(config, json, store.damage().ok());
  }
  return json["findings"].empty() ? ExitCode::kOk : ExitCode::kData;
}

// 0 is a figure of a training, and unknown of one elsewhere.
bool KnowsEpochs(const HistoryEntry& entry) { return entry.loss || entry.epochs > 0; }

void PrintHistory(const std::vector<HistoryEntry>& history) {
  TextTable table({{"version"},
                   {"when", false, false, /*leaves=*/3},
                   {"tier", false, false, /*leaves=*/2},
                   {"dataset", false, /*shrinks=*/true},
                   {"examples", true},
                   {"epochs", true, false, /*leaves=*/1},
                   {"loss", true}});
  std::vector<std::string> tiers;
  for (const HistoryEntry& entry : history) tiers.push_back(entry.tier);
  std::map<std::string, Style> styles = TierStyles(tiers);
  for (const HistoryEntry& entry : history) {
    table.AddRow({{VersionName(entry.version)},
                  {entry.timestamp, Style::kDim},
                  entry.tier.empty() ? TableCell{"-"} : TableCell{entry.tier, styles[entry.tier]},
                  {entry.dataset},
                  {absl::StrCat(entry.examples)},
                  {KnowsEpochs(entry) ? absl::StrCat(entry.epochs) : "-"},
                  entry.loss ? TableCell{absl::StrFormat("%.4f", *entry.loss), Style::kBold}
                             : TableCell{"-"}});
    if (!entry.loss) {
      table.AddNote(3, {absl::StrCat("trained elsewhere, before ", VersionName(entry.version),
                                     " was imported")});
    }
  }
  if (history.empty()) {
    std::printf("nothing trained yet\n");
  } else {
    std::printf("%s", table.Render(Terminal::Of(fileno(stdout))).c_str());
  }
}

absl::StatusOr<ExitCode> RunHistory(const BranchOptions& options) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  ASSIGN_OR_RETURN(const BranchStore store, BranchStore::Open(config.AdaptersDir()));
  ASSIGN_OR_RETURN(const std::vector<HistoryEntry> history, store.History());
  if (!options.json) {
    PrintHistory(history);
    return ExitCode::kOk;
  }
  Json list = Json::array();
  for (const HistoryEntry& entry : history) {
    list.push_back({{"version", VersionName(entry.version)},
                    {"run", entry.run.value()},
                    {"dataset", entry.dataset},
                    {"tier", entry.tier},
                    {"examples", entry.examples},
                    {"epochs", KnowsEpochs(entry) ? Json(entry.epochs) : Json()},
                    {"loss", entry.loss ? Json(*entry.loss) : Json()},
                    {"timestamp", entry.timestamp}});
  }
  std::printf("%s\n", DumpJson(list, 1).c_str());
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> RunBackups(const BranchOptions& options) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  ASSIGN_OR_RETURN(const BranchStore store, BranchStore::Open(config.AdaptersDir()));
  ASSIGN_OR_RETURN(const std::vector<BackupInfo> backups, store.Backups());
  if (options.json) {
    std::printf("%s\n", DumpJson(BackupsToJson(backups), 1).c_str());
    return ExitCode::kOk;
  }
  TextTable table({{"backup"}, {"of"}, {"made", false, false, /*leaves=*/1}});
  for (const BackupInfo& backup : backups)
    table.AddRow({{backup.name}, {VersionName(backup.version)}, {backup.when, Style::kDim}});
  if (backups.empty()) {
    std::printf("no backups yet\n");
  } else {
    std::printf("%s", table.Render(Terminal::Of(fileno(stdout))).c_str());
  }
  for (const PinInfo& pin : store.Pins()) {
    std::printf("%s is %s, pinned\n", PadRight(Printable(pin.name), 40).c_str(),
                VersionName(pin.version).c_str());
  }
  return ExitCode::kOk;
}

// The contents that are held; none while the ledger cannot be believed.
std::set<Digest> HeldIn(const BranchStore& store) {
  const absl::StatusOr<Lineage> lineage = store.LineageWithoutExamples();
  return lineage.ok() ? lineage->held : std::set<Digest>();
}

void PrintRestored(Version version, int64_t held) {
  std::printf("%s is current", VersionName(version).c_str());
  if (held == 1) std::printf("; a dataset that was trained after it is now held, not pending");
  if (held > 1) {
    std::printf("; %lld datasets that were trained after it are now held, not pending",
                static_cast<long long>(held));
  }
  std::printf("%s\n", held > 0 ? " (strata release)" : "");
}

absl::StatusOr<ExitCode> RunRestore(const BranchOptions& options, const std::string& name) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  ASSIGN_OR_RETURN(BranchStore store, BranchStore::Open(config.AdaptersDir()));
  // A current that cannot be healed is a reason to restore, not to refuse it.
  const absl::StatusOr<std::vector<std::string>> mended = store.Recover();
  if (!mended.ok() && !(absl::IsDataLoss(mended.status()) && store.damage().ok())) {
    return mended.status();
  }
  if (!mended.ok())
    std::fprintf(stderr, "strata: %s\n", std::string(mended.status().message()).c_str());
  for (const std::string& sentence : mended.ok() ? *mended : std::vector<std::string>()) {
    std::fprintf(stderr, "strata: %s\n", sentence.c_str());
  }
  const std::set<Digest> before = HeldIn(store);
  ASSIGN_OR_RETURN(const Version version, store.Restore(name, std::chrono::system_clock::now()));
  const std::set<Digest> after = HeldIn(store);
  const int64_t held = std::count_if(
      after.begin(), after.end(), [&](const Digest& content) { return !before.contains(content); });
  if (options.json) {
    std::printf("%s\n", DumpJson({{"current", VersionName(version)},
                                  {"previous", NameOrNull(store.previous())},
                                  {"newly_held", held}})
                            .c_str());
  } else {
    PrintRestored(version, held);
  }
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> RunVerify(const BranchOptions& options) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  ASSIGN_OR_RETURN(const BranchStore store, BranchStore::Open(config.AdaptersDir()));
  ASSIGN_OR_RETURN(const std::vector<std::string> findings, store.Verify());
  if (options.json) {
    std::printf(
        "%s\n",
        DumpJson({{"health", findings.empty() ? "healthy" : "damaged"}, {"findings", findings}}, 1)
            .c_str());
  } else {
    for (const std::string& finding : findings) std::printf("%s\n", finding.c_str());
    std::printf("%s\n", findings.empty() ? "every version, backup and ledger line is whole"
                                         : absl::StrCat("damaged; ", kMends).c_str());
  }
  return findings.empty() ? ExitCode::kOk : ExitCode::kData;
}

// A command without arguments of its own.
void AddPlain(CLI::App* app, const char* name, const char* about, Action* action,
              absl::StatusOr<ExitCode> (*run)(const BranchOptions&)) {
  CLI::App* command = app->add_subcommand(name, about);
  auto options = std::make_shared<BranchOptions>();
  AddBranchOptions(command, options.get());
  command->callback([=] { *action = [=] { return run(*options); }; });
}

}  // namespace

void AddStatus(CLI::App* app, Action* action) {
  AddPlain(app, "status", "Show what serves now, and whether it is well (cheap checks)", action,
           RunStatus);
}

void AddHistory(CLI::App* app, Action* action) {
  AddPlain(app, "history", "Show all that the current adapter was trained on, oldest first", action,
           RunHistory);
}

void AddBackups(CLI::App* app, Action* action) {
  AddPlain(
      app, "backups",
      "List the backups and pins, all that restore takes beside versions (--json: the backups; "
      "status --json has the pins)",
      action, RunBackups);
}

void AddVerify(CLI::App* app, Action* action) {
  AddPlain(app, "verify", "Read every version, backup and ledger line again, and compare hashes",
           action, RunVerify);
}

void AddRestore(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand("restore", "Make another version current");
  auto options = std::make_shared<BranchOptions>();
  auto name = std::make_shared<std::string>();
  AddBranchOptions(command, options.get());
  command
      ->add_option("NAME", *name,
                   "A version (v0003), previous, a backup's name or a pin (strata backups)")
      ->type_name(kVersionValue)
      ->required();
  command->callback([=] { *action = [=] { return RunRestore(*options, *name); }; });
}

}  // namespace strata
