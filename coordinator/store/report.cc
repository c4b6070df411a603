#include "coordinator/store/report.h"

#include <algorithm>

#include "absl/time/time.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr uint64_t kReportBytesMax = uint64_t{256} << 20;

// Examples of the lineage before the run's first stage.
uint64_t ExamplesBefore(const RunReport& report) {
  const absl::StatusOr<int64_t> total =
      JsonInteger(report.final_metadata, "total_examples_trained", "the metadata");
  uint64_t trained = 0;
  for (const StageResult& stage : report.stages) trained += stage.trained() ? stage.examples : 0;
  return total.ok() && static_cast<uint64_t>(*total) > trained
             ? static_cast<uint64_t>(*total) - trained
             : 0;
}

// What the metadata says of the stage of this commit with content `sha256`; null = nothing.
Json HistoryLineOf(const Json& metadata, const std::string& time, const Digest& sha256) {
  const auto history = JsonNested(metadata, "training_history", "the metadata");
  if (!history.ok()) return Json();
  for (const Json& line : **history) {
    const auto stamp = JsonString(line, "timestamp", "the history");
    const auto content = JsonString(line, "sha256", "the history");
    if (stamp.ok() && *stamp == time && content.ok() && *content == sha256.Hex()) return line;
  }
  return Json();
}

// "20251031-104042-3f9a" began at 2025-10-31T10:40:42Z.
std::string StartOf(const CommittedVersion& commit) {
  absl::Time start;
  const std::string digits = commit.run.substr(0, std::min<size_t>(commit.run.size(), 15));
  if (!absl::ParseTime("%E4Y%m%d-%H%M%S", digits, &start, nullptr)) return commit.time;
  return Iso8601(absl::ToChronoTime(start));
}

// Whether a report on disk says all that `known` does, or is of a later run.
bool Covers(const absl::StatusOr<Json>& report, const RunReport& known) {
  if (!report.ok()) return false;
  const auto run = JsonString(*report, "run", "the report");
  if (run.ok()) return *run >= known.run;
  // Written before reports named their run.
  const auto ended = JsonString(*report, "end_time", "the report");
  return ended.ok() && *ended >= known.end_time;
}

}  // namespace

RunReport ReportOf(const CommittedVersion& commit, const std::vector<std::string>& backups,
                   const Json& metadata) {
  RunReport report{.run = commit.run,
                   .start_time = StartOf(commit),
                   .end_time = commit.time,
                   .status = "completed",
                   .stages = commit.stages,
                   .backups = backups,
                   .final_metadata = metadata};
  for (StageResult& stage : report.stages) {
    const Json line = HistoryLineOf(metadata, commit.time, stage.sha256);
    const auto left_out = JsonNested(line, "left_out", "the history");
    if (left_out.ok()) stage.left_out = LeftOutOf(**left_out);
    TakeEvaluations(line, &stage);
  }
  return report;
}

absl::StatusOr<bool> MendReport(const std::filesystem::path& file, const RunReport& known,
                                FileSystem* files) {
  const absl::StatusOr<std::string> text = ReadFile(file, kReportBytesMax);
  if (!text.ok() && !absl::IsNotFound(text.status())) return text.status();
  const absl::StatusOr<Json> report =
      text.ok() ? ParseJson(*text, "the report") : absl::StatusOr<Json>(text.status());
  if (Covers(report, known)) return false;
  RETURN_IF_ERROR(WriteReport(file, known, files));
  return true;
}

absl::Status WriteReport(const std::filesystem::path& file, const RunReport& report,
                         FileSystem* files) {
  uint64_t total = ExamplesBefore(report);
  Json datasets = Json::array();
  for (const StageResult& stage : report.stages) {
    Json line = {{"dataset", stage.dataset},
                 {"examples", stage.examples},
                 {"status", stage.trained() ? "trained" : "error"}};
    if (stage.trained()) {
      total += stage.examples;
      line["loss"] = stage.loss ? Json(*stage.loss) : Json();
      line["total_examples"] = total;
    } else {
      line["error"] = stage.error;
    }
    line["tier"] = stage.tier;
    line["epochs"] = stage.epochs;
    line["left_out"] = LeftOutJson(stage.left_out);
    AddEvaluations(stage, &line);
    datasets.push_back(std::move(line));
  }
  const Json json = {{"run", report.run},
                     {"start_time", report.start_time},
                     {"datasets_trained", std::move(datasets)},
                     {"backups_created", report.backups},
                     {"final_metadata", report.final_metadata},
                     {"end_time", report.end_time},
                     {"status", report.status}};
  return files->ReplaceFileDurably(file, DumpJson(json, 2) + "\n");
}

}  // namespace strata
