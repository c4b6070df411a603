// status: what serves now, and whether it is well.
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/store_json.h"
#include "coordinator/cli/terminal.h"
#include "coordinator/cli/text_table.h"
#include "coordinator/run/branch_start.h"
#include "coordinator/run/interrupted_run.h"
#include "coordinator/store/portability.h"

namespace strata {
namespace {

constexpr uint64_t kReportBytesMax = 256 << 20;

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
  json["fell_back"] = store.fell_back() ? Json(FellBackText(*store.fell_back())) : Json();
  json["parked"] = Json::array();
  for (const Version version : store.Parked()) json["parked"].push_back(VersionName(version));
  const absl::StatusOr<std::vector<BackupInfo>> backups = store.Backups();
  json["backups"] = backups.ok() ? BackupsToJson(*backups) : Json();
  json["pins"] = known ? PinsToJson(store.Pins()) : Json();
  const auto report =
      ReadFile(config.branch / "incremental_training_results.json", kReportBytesMax);
  json["unfinished_runs"] = Json::array();
  for (const InterruptedRun& run : InterruptedRuns(config, store)) {
    json["unfinished_runs"].push_back({{"run", run.run.value()},
                                       {"next", {run.next.stage, run.next.epoch, run.next.step}},
                                       {"words", UnfinishedText(run)}});
  }
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
  if (!json["findings"].empty()) table.AddNote(1, {kMends});
  line("current", name(json["current"]["version"], "none yet: strata train"), Style::kBold);
  if (json["fell_back"].is_string())
    table.AddNote(1, {json["fell_back"].get<std::string>(), Style::kRed});
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
  for (const Json& run : json["unfinished_runs"]) {
    line("run", absl::StrCat(run["run"].get<std::string>(), ": ", run["words"].get<std::string>()),
         Style::kYellow);
    table.AddNote(1, {"unless it trains now: strata train goes on with it"});
  }
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
  ASSIGN_OR_RETURN(const BranchStore store, OpenBranchStore(config));
  const Json json = StatusOf(config, store);
  if (options.json) {
    std::printf("%s\n", DumpJson(json, 1).c_str());
  } else {
    PrintStatus(config, json, store.damage().ok());
  }
  return json["findings"].empty() ? ExitCode::kOk : ExitCode::kData;
}

}  // namespace

void AddStatus(CLI::App* app, Action* action) {
  AddBranchCommand(app, "status", "Show what serves now, and whether it is well (cheap checks)",
                   action, RunStatus);
}

}  // namespace strata
