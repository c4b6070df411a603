#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/progress.h"
#include "coordinator/run/training.h"

namespace strata {
namespace {

constexpr int kStoppedCode = static_cast<int>(ExitCode::kTryAgain);

// How often the user has asked to stop. Signal handlers can reach nothing but a static.
std::atomic<int> stops_asked = 0;
static_assert(std::atomic<int>::is_always_lock_free);

// Whether workers are, or are about to be, at work.
std::atomic<bool> run_began = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void OnSignal(int) {
  ++stops_asked;
  if (run_began) return;
  // Reading and planning leave nothing behind that would have to be ended.
  constexpr char kWords[] = "strata: stopped before the training began; nothing was changed\n";
  if (write(STDERR_FILENO, kWords, sizeof kWords - 1) < 0) _exit(kStoppedCode);
  _exit(kStoppedCode);
}

// A signal that was ignored stays so (nohup). A closed pipe does not take the run with it: the run
// only loses its watcher.
void CatchSignals() {
  struct sigaction action {
  }, before{};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
}

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
                  stage.epochs, stage.loss);
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
    json["datasets"].push_back({{"dataset", stage.dataset},
                                {"tier", stage.tier},
                                {"status", stage.trained() ? "trained" : "error"},
                                {"examples", stage.examples},
                                {"epochs", stage.epochs},
                                {"loss", stage.trained() ? Json(stage.loss) : Json()},
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
  CatchSignals();
  Progress progress(isatty(STDOUT_FILENO) != 0, branch.json);
  TrainRequest request;
  request.plan.all = options.all;
  request.plan.datasets.insert(options.datasets.begin(), options.datasets.end());
  request.stops = &stops_asked;
  request.on_tokenize = [&](uint64_t done, uint64_t total) { progress.OnTokenize(done, total); };
  request.on_warning = [](const std::string& sentence) {
    std::fprintf(stderr, "strata: %s\n", sentence.c_str());
  };
  request.on_start = [&](const RunStart& start) {
    run_began = true;
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
      ->allow_extra_args(false);
  command->add_option("--workers", options->workers, "MPI ranks, instead of branch.yaml's")
      ->check(CLI::Range(1, 65536));
  command->add_option("--device", options->device, "cpu or cuda, instead of branch.yaml's")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  command->callback([=] { *action = [=] { return RunTrain(*options); }; });
}

}  // namespace strata
