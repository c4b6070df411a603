#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/progress.h"
#include "coordinator/cli/stop_signals.h"
#include "coordinator/run/training.h"

namespace strata {
namespace {

struct TrainOptions {
  BranchOptions branch;
  bool all = false;
  std::vector<std::string> datasets;
  int workers = 0;
  std::string device;
};

void PrintTable(const TrainResult& result) {
  int width = 0;
  for (const StageResult& stage : result.stages)
    width = std::max(width, static_cast<int>(stage.dataset.size()));
  std::printf("\n%-*s  %-14s %8s %6s %9s\n", width, "dataset", "tier", "examples", "epochs",
              "loss");
  for (const StageResult& stage : result.stages) {
    std::printf("%-*s  %-14s ", width, stage.dataset.c_str(),
                stage.tier.empty() ? "-" : stage.tier.c_str());
    if (stage.trained()) {
      std::printf("%8llu %6u %9.4f\n", static_cast<unsigned long long>(stage.examples),
                  stage.epochs, stage.loss.value_or(0));
    } else {
      std::printf("error: %s\n", stage.error.c_str());
    }
  }
}

void PrintText(const TrainResult& result) {
  if (!result.stages.empty()) PrintTable(result);
  for (const SkippedDataset& skipped : result.skipped) {
    if (skipped.is_error)
      std::printf("error: %s: %s\n", skipped.dataset.c_str(), skipped.reason.c_str());
    if (skipped.reason.rfind("held", 0) == 0)
      std::printf("%s: %s\n", skipped.dataset.c_str(), skipped.reason.c_str());
  }
  if (result.nothing_pending) {
    std::printf("nothing pending\n");
  } else if (result.version.value() == 0) {
    std::fprintf(stderr, "strata: %s\n", result.reason.c_str());
  } else if (result.parked) {
    std::printf(
        "\n%s committed but not made current: current moved on while it trained. Take it with: "
        "strata restore %s\n",
        VersionName(result.version).c_str(), VersionName(result.version).c_str());
  } else {
    std::printf("\n%s is current (%.0f s)\n", VersionName(result.version).c_str(), result.seconds);
  }
}

Json ToJson(const TrainResult& result) {
  Json json = {
      {"status", result.status},
      {"reason", result.reason},
      {"nothing_pending", result.nothing_pending},
      {"run", result.run.value()},
      {"version", result.version.value() != 0 ? Json(VersionName(result.version)) : Json()},
      {"parked", result.parked},
      {"seconds", result.seconds},
      {"backups_created", result.backups},
      {"datasets", Json::array()}};
  for (const StageResult& stage : result.stages) {
    json["datasets"].push_back(
        {{"dataset", stage.dataset},
         {"tier", stage.tier},
         {"status", stage.trained() ? "trained" : "error"},
         {"examples", stage.examples},
         {"epochs", stage.epochs},
         {"loss", stage.trained() && stage.loss ? Json(*stage.loss) : Json()},
         {"error", stage.error}});
  }
  for (const SkippedDataset& skipped : result.skipped) {
    json["datasets"].push_back({{"dataset", skipped.dataset},
                                {"tier", skipped.tier},
                                {"status", skipped.is_error ? "error" : "skipped"},
                                {"reason", skipped.reason}});
  }
  return json;
}

ExitCode CodeOf(const TrainResult& result) {
  if (result.status == "interrupted") return ExitCode::kTryAgain;
  if (result.status != "failed") return ExitCode::kOk;
  return result.data_at_fault ? ExitCode::kData : ExitCode::kUnavailable;
}

absl::StatusOr<ExitCode> RunTrain(const TrainOptions& options) {
  BranchOptions branch = options.branch;
  if (options.workers > 0) branch.set.push_back("workers=" + std::to_string(options.workers));
  if (!options.device.empty()) branch.set.push_back("device=" + options.device);
  ASSIGN_OR_RETURN(const Config config, branch.Load());
  CatchStops("strata: stopped before the training began; nothing was changed\n");
  // A closed pipe does not take the run with it: the run only loses its watcher.
  signal(SIGPIPE, SIG_IGN);
  Progress progress(isatty(STDOUT_FILENO) != 0, branch.json);
  TrainRequest request;
  request.plan.all = options.all;
  request.plan.datasets.insert(options.datasets.begin(), options.datasets.end());
  request.stops = StopsAsked();
  request.on_tokenize = [&](uint64_t done, uint64_t total) { progress.OnTokenize(done, total); };
  request.on_warning = [](const std::string& sentence) {
    std::fprintf(stderr, "strata: %s\n", sentence.c_str());
  };
  request.on_start = [&](const RunStart& start) {
    WorkBegins();
    progress.Begin(start);
  };
  request.on_step = [&](const StepSeen& step) { progress.OnStep(step); };
  ASSIGN_OR_RETURN(const TrainResult result, Train(config, request));
  progress.End();
  if (branch.json) {
    std::printf("%s\n", DumpJson(ToJson(result), 1).c_str());
  } else {
    PrintText(result);
  }
  return CodeOf(result);
}

}  // namespace

void AddTrain(CLI::App* app, Action* action) {
  CLI::App* command =
      app->add_subcommand("train", "Train what is pending onto the branch's one adapter");
  auto options = std::make_shared<TrainOptions>();
  AddBranchOptions(command, &options->branch);
  command->add_flag("--all", options->all, "Train everything again, with other shuffles and masks");
  command
      ->add_option("--dataset", options->datasets, "Only this dataset, held ones too; repeatable")
      ->type_name(kDatasetValue)
      ->allow_extra_args(false);
  command->add_option("--workers", options->workers, "MPI ranks, instead of branch.yaml's")
      ->check(CLI::Range(1, 65536));
  command->add_option("--device", options->device, "cpu or cuda, instead of branch.yaml's")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  command->callback([=] { *action = [=] { return RunTrain(*options); }; });
}

}  // namespace strata
