#include "coordinator/store/report.h"

namespace strata {
namespace {

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

}  // namespace

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
      line["loss"] = stage.loss;
      line["total_examples"] = total;
    } else {
      line["error"] = stage.error;
    }
    line["tier"] = stage.tier;
    line["epochs"] = stage.epochs;
    line["left_out"] = LeftOutJson(stage.left_out);
    datasets.push_back(std::move(line));
  }
  const Json json = {{"start_time", report.start_time},   {"datasets_trained", std::move(datasets)},
                     {"backups_created", report.backups}, {"final_metadata", report.final_metadata},
                     {"end_time", report.end_time},       {"status", report.status}};
  return files->ReplaceFileDurably(file, DumpJson(json, 2) + "\n");
}

}  // namespace strata
