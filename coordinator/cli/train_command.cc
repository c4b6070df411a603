#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/error_text.h"
#include "coordinator/cli/progress.h"
#include "coordinator/cli/rank_table.h"
#include "coordinator/cli/stop_signals.h"
#include "coordinator/cli/text_table.h"
#include "coordinator/cli/train_queue.h"
#include "coordinator/observe/observation.h"
#include "coordinator/run/training.h"
#include "coordinator/store/metadata.h"

namespace strata {
namespace {

struct TrainOptions {
  BranchOptions branch;
  std::vector<std::string> branches;  // instead of branch.branch
  std::string root;                   // of the branches; "" = none
  bool all = false, rebuild = false, restart = false;
  std::vector<std::string> datasets;
  int workers = 0;
  std::string device, launcher, listen, log_format;
};

// In a terminal the lines of the stages that ended well stand there already.
void PrintTable(const TrainResult& result, const Terminal& terminal) {
  const auto failed = [](const StageResult& stage) { return !stage.trained(); };
  if (terminal.draws && std::none_of(result.stages.begin(), result.stages.end(), failed)) return;
  const bool evaluated =
      std::any_of(result.stages.begin(), result.stages.end(),
                  [](const StageResult& stage) { return stage.eval_loss.has_value(); });
  std::vector<TableColumn> columns = {{""},
                                      {"dataset", false, /*shrinks=*/true},
                                      {"tier", false, false, /*leaves=*/1},
                                      {"examples", true},
                                      {"epochs", true, false, /*leaves=*/2},
                                      {"loss", true}};
  if (evaluated) columns.push_back({"held out", true, false, /*leaves=*/3});
  TextTable table(std::move(columns));
  std::vector<std::string> tiers;
  for (const StageResult& stage : result.stages) tiers.push_back(stage.tier);
  std::map<std::string, Style> styles = TierStyles(tiers);
  for (const StageResult& stage : result.stages) {
    if (terminal.draws && stage.trained()) continue;
    const TableCell tier =
        stage.tier.empty() ? TableCell{"-"} : TableCell{stage.tier, styles[stage.tier]};
    if (stage.trained()) {
      std::vector<TableCell> cells = {
          {terminal.Mark("✓", "+"), Style::kGreen},
          {stage.dataset},
          tier,
          {absl::StrCat(stage.examples)},
          {absl::StrCat(stage.epochs)},
          {absl::StrFormat("%.4f", stage.loss.value_or(0)), Style::kBold}};
      if (evaluated)
        cells.push_back({stage.eval_loss ? absl::StrFormat("%.4f", *stage.eval_loss) : "-"});
      table.AddRow(std::move(cells));
    } else {
      table.AddRow({{terminal.Mark("✗", "x"), Style::kRed}, {stage.dataset}, tier});
      table.AddNote(1, {"error: " + stage.error, Style::kRed});
    }
  }
  std::printf("\n%s", table.Render(terminal).c_str());
}

void PrintEndedEarly(const TrainResult& result, const Terminal& terminal) {
  for (const StageResult& stage : result.stages) {
    if (stage.ended_early.empty()) continue;
    std::printf(
        "%s", Sentence(absl::StrCat(stage.dataset, ": ", stage.ended_early), Style::kDim, terminal)
                  .c_str());
  }
}

void PrintSkipped(const TrainResult& result, const Terminal& terminal) {
  for (const SkippedDataset& skipped : result.skipped) {
    const bool is_held = skipped.reason.rfind("held", 0) == 0;
    if (!skipped.is_error && !is_held) continue;
    const std::string sentence =
        absl::StrCat(skipped.is_error ? "error: " : "", skipped.dataset, ": ", skipped.reason);
    const Style style = skipped.is_error ? Style::kRed : Style::kYellow;
    std::printf("%s", Sentence(sentence, style, terminal).c_str());
  }
}

void PrintText(const TrainResult& result, bool rebuild) {
  const Terminal terminal = Terminal::Of(fileno(stdout));
  if (!result.stages.empty()) PrintTable(result, terminal);
  PrintEndedEarly(result, terminal);
  PrintSkipped(result, terminal);
  const std::string version = VersionName(result.version);
  if (result.nothing_pending) {
    std::printf("%s\n", result.reason.c_str());
  } else if (result.version.value() == 0) {
    PrintError(result.reason);
  } else if (result.parked) {
    const std::string sentence = absl::StrCat(
        version,
        " committed but not made current: current moved on while it trained. Take it with: "
        "strata restore ",
        version);
    std::printf("\n%s", Sentence(sentence, Style::kYellow, terminal).c_str());
  } else {
    std::printf("\n%s (%s)\n", terminal.Styled(Style::kGreen, version + " is current").c_str(),
                DurationText(result.seconds).c_str());
    if (rebuild) {
      std::printf(
          "made anew from the base; `strata restore previous` goes back to what served before\n");
    }
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
      {"ranks", RanksJson(result.ranks)},
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
    AddEvaluations(stage, &json["datasets"].back());
  }
  for (const SkippedDataset& skipped : result.skipped) {
    json["datasets"].push_back({{"dataset", skipped.dataset},
                                {"tier", skipped.tier},
                                {"status", skipped.is_error ? "error" : "skipped"},
                                {"reason", skipped.reason}});
  }
  return json;
}

absl::StatusOr<TrainResult> TrainBranch(const TrainOptions& options, const std::string& folder) {
  BranchOptions branch = options.branch;
  branch.branch = folder;
  if (options.workers > 0) branch.set.push_back("workers=" + std::to_string(options.workers));
  for (const auto& [key, value] :
       {std::pair{"device=", options.device}, std::pair{"launcher=", options.launcher},
        std::pair{"listen=", options.listen}, std::pair{"log_format=", options.log_format}}) {
    if (!value.empty()) branch.set.push_back(key + value);
  }
  ASSIGN_OR_RETURN(const Config config, branch.Load());
  Progress progress(branch.json);
  TrainRequest request;
  request.plan.all = options.all;
  request.plan.rebuild = options.rebuild;
  request.restart = options.restart;
  request.plan.datasets.insert(options.datasets.begin(), options.datasets.end());
  request.stops = StopsAsked();
  request.on_tokenize = [&](uint64_t done, uint64_t total) { progress.OnTokenize(done, total); };
  request.on_warning = [&](const std::string& sentence) {
    progress.MakeRoom();
    PrintWarning(sentence);
  };
  Observation observation(config, request.on_warning);
  request.observer = &observation;
  request.on_start = [&](const RunStart& start) {
    WorkBegins();
    observation.Begin(start);
    progress.Begin(start);
  };
  request.on_invitation = [&](const std::string& lines) {
    progress.MakeRoom();
    std::fprintf(stderr, "%s\n", lines.c_str());
  };
  request.on_joined = [&](const std::vector<RankSeat>& by_rank) {
    if (by_rank.size() < 2) return;
    progress.MakeRoom();
    std::fprintf(stderr, "%s", RankTable(by_rank, Terminal::Of(fileno(stderr))).c_str());
  };
  request.on_step = [&](const StepSeen& step) { progress.OnStep(step); };
  request.on_evaluation = [&](const EvaluationSeen& seen) { progress.OnEvaluation(seen); };
  absl::StatusOr<TrainResult> trained = Train(config, request);
  progress.End();
  return trained;
}

absl::StatusOr<ExitCode> RunMany(const TrainOptions& options) {
  std::vector<std::string> unreadable;
  ASSIGN_OR_RETURN(const std::vector<std::string> folders,
                   BranchesToTrain(options.branches, options.root, &unreadable));
  for (const std::string& folder : unreadable) PrintWarning("not looked into: " + folder);
  const BranchTrainer trainer = {
      .train = [&](const std::string& folder) { return TrainBranch(options, folder); },
      .print = [&](const TrainResult& result) { PrintText(result, options.rebuild); },
      .json = ToJson,
      .stopped = [] { return StopsAsked()->load() > 0; }};
  const std::vector<BranchTraining> trainings = TrainEach(folders, trainer, options.branch.json);
  if (options.branch.json) {
    std::printf("%s\n", DumpJson(SummaryJson(trainings, trainer), 1).c_str());
  } else {
    PrintSummary(trainings);
  }
  return CodeOf(trainings);
}

absl::StatusOr<ExitCode> RunTrain(const TrainOptions& options) {
  CatchStops("strata: stopped before the training began; nothing was changed\n");
  // A closed pipe does not take the run with it: the run only loses its watcher.
  signal(SIGPIPE, SIG_IGN);
  if (options.branches.size() > 1 || !options.root.empty()) return RunMany(options);
  const std::string folder = options.branches.empty() ? options.branch.branch : options.branches[0];
  ASSIGN_OR_RETURN(const TrainResult result, TrainBranch(options, folder));
  if (options.branch.json) {
    std::printf("%s\n", DumpJson(ToJson(result), 1).c_str());
  } else {
    PrintText(result, options.rebuild);
  }
  return CodeOf(result);
}

// More branches than the one of -C.
void AddBranchesOptions(CLI::App* command, TrainOptions* options) {
  CLI::Option* const one = command->get_option("--branch");
  CLI::Option* const many =
      command
          ->add_option("BRANCH", options->branches,
                       "Branches' folders, trained one after the other; one that fails does not "
                       "stop the others")
          ->type_name("DIR")
          ->excludes(one);
  command
      ->add_option("--all-branches", options->root,
                   "Every branch below this folder, as strata branches lists them")
      ->type_name("DIR")
      ->excludes(one)
      ->excludes(many);
  command->footer(
      "Of many branches: exit code 0 when each ended well or had nothing pending, 75 when a stop "
      "was asked for\n(no further branch begins then), else that of the first that failed. "
      "--json prints one document.");
}

CLI::App* AddTraining(CLI::App* app, Action* action, const char* name, const char* about,
                      const std::shared_ptr<TrainOptions>& options) {
  CLI::App* command = app->add_subcommand(name, about);
  AddBranchOptions(command, &options->branch);
  command->add_option("--workers", options->workers, "MPI ranks, instead of branch.yaml's")
      ->check(CLI::Range(1, 65536));
  command->add_option("--device", options->device, "cpu or cuda, instead of branch.yaml's")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  command
      ->add_option("--launcher", options->launcher,
                   "Who starts the workers, instead of branch.yaml's")
      ->check(CLI::IsMember({"auto", "local", "mpirun", "srun", "external"}));
  command->add_option("--listen", options->listen, "Where workers join, instead of branch.yaml's")
      ->type_name("HOST[:PORT]");
  command->add_option("--log-format", options->log_format, "text or json, instead of branch.yaml's")
      ->check(CLI::IsMember({"text", "json"}));
  command->add_flag("--restart", options->restart,
                    "Drop a run that was interrupted, instead of going on with it");
  command->callback([=] { *action = [=] { return RunTrain(*options); }; });
  return command;
}

}  // namespace

void AddTrain(CLI::App* app, Action* action) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command = AddTraining(app, action, "train",
                                  "Train what is pending onto the branch's one adapter", options);
  AddBranchesOptions(command, options.get());
  command->add_flag("--all", options->all, "Train everything again, with other shuffles and masks");
  command
      ->add_option("--dataset", options->datasets, "Only this dataset, held ones too; repeatable")
      ->type_name(kDatasetValue)
      ->allow_extra_args(false);
}

void AddRebuild(CLI::App* app, Action* action) {
  auto options = std::make_shared<TrainOptions>();
  options->rebuild = true;
  AddTraining(app, action, "rebuild",
              "Make the adapter anew from the base, over every dataset that is not excluded, held "
              "ones too; also the way to another lora_r, lora_alpha, lora_target_modules or base. "
              "What serves now serves on until the new one is committed, and is then previous",
              options);
}

}  // namespace strata
