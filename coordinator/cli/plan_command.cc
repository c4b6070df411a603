#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/plan_table.h"
#include "coordinator/cli/progress.h"
#include "coordinator/cli/terminal.h"
#include "coordinator/run/estimate.h"
#include "coordinator/run/preparation.h"

namespace strata {
namespace {

struct Totals {
  uint64_t examples = 0, tokens = 0, steps = 0;
};

Totals TotalsOf(const Plan& plan) {
  Totals totals;
  for (const StagePlan& stage : plan.stages) {
    totals.examples += stage.examples.size();
    totals.tokens += stage.tokens * stage.steps.size();
    totals.steps += stage.total_steps();
  }
  return totals;
}

void PrintBadLines(const Catalog& catalog) {
  for (const Dataset& dataset : catalog.datasets) {
    for (const BadLine& bad : dataset.bad_lines) {
      std::printf("refused: %s:%llu: %s\n", dataset.name.c_str(),
                  static_cast<unsigned long long>(bad.line), bad.reason.c_str());
    }
    if (dataset.bad_line_count > dataset.bad_lines.size()) {
      std::printf(
          "refused: %s: %llu more\n", dataset.name.c_str(),
          static_cast<unsigned long long>(dataset.bad_line_count - dataset.bad_lines.size()));
    }
  }
}

Json ToJson(const Config& config, const Base& base, const Preparation& prepared) {
  Json json = {
      {"stages", Json::array()}, {"skipped", Json::array()}, {"refused_lines", Json::array()}};
  for (const StagePlan& stage : prepared.plan.stages) {
    json["stages"].push_back({{"stage", stage.index},
                              {"dataset", stage.dataset},
                              {"tier", stage.tier},
                              {"pass", stage.pass},
                              {"examples", stage.examples.size()},
                              {"epochs", stage.steps.size()},
                              {"rows", stage.rows},
                              {"steps", stage.steps},
                              {"updates", stage.total_steps()},
                              {"warmup_steps", stage.warmup_steps},
                              {"learning_rate", stage.learning_rate},
                              {"tokens", stage.tokens},
                              {"supervised_tokens", stage.supervised_tokens},
                              {"bad_lines", stage.bad_lines},
                              {"refused_too_long", stage.refused_too_long},
                              {"truncated", stage.truncated},
                              {"refused_unsupervised", stage.refused_unsupervised},
                              {"held_out", stage.held_out},
                              {"already_trained", stage.already_trained},
                              {"not_reached", stage.not_reached},
                              {"duplicates_within", stage.duplicates_within},
                              {"duplicates_across", stage.duplicates_across},
                              {"known_elsewhere", stage.known_elsewhere}});
  }
  for (const SkippedDataset& skipped : prepared.plan.skipped) {
    json["skipped"].push_back(
        {{"dataset", skipped.dataset}, {"tier", skipped.tier}, {"reason", skipped.reason}});
  }
  for (const Dataset& dataset : prepared.catalog.datasets) {
    for (const BadLine& bad : dataset.bad_lines) {
      json["refused_lines"].push_back(
          {{"dataset", dataset.name}, {"line", bad.line}, {"reason", bad.reason}});
    }
  }
  const Totals totals = TotalsOf(prepared.plan);
  const double rate = MeasuredTokensPerSecond(config.RunsDir(), config.device);
  json["examples"] = totals.examples;
  json["tokens"] = totals.tokens;
  json["updates"] = totals.steps;
  json["trainable_params"] = base.layout.elements;
  json["memory_estimate_bytes"] = WorkerMemoryEstimate(config, base);
  json["estimated_seconds"] = rate > 0 ? Json(static_cast<double>(totals.tokens) / rate) : Json();
  return json;
}

void PrintText(const Config& config, const Base& base, const Preparation& prepared) {
  PrintBadLines(prepared.catalog);
  for (const std::string& missing : prepared.catalog.missing) {
    std::printf("warning: the configuration names %s, which training/ does not have\n",
                missing.c_str());
  }
  PrintPlanTable(prepared.plan);
  const Totals totals = TotalsOf(prepared.plan);
  const double rate = MeasuredTokensPerSecond(config.RunsDir(), config.device);
  std::printf("\n%s", absl::StrFormat(
                          "%d examples in %d stages, %d tokens over all epochs, %d updates\n",
                          totals.examples, prepared.plan.stages.size(), totals.tokens, totals.steps)
                          .c_str());
  std::printf("trainable parameters: %lld\n", static_cast<long long>(base.layout.elements));
  std::printf(
      "memory of a worker: about %.2f GiB beside the program, at micro_batch_size %u in %s\n",
      static_cast<double>(WorkerMemoryEstimate(config, base)) / (1 << 30), config.micro_batch_size,
      base.dtype.c_str());
  std::printf("time: %s\n",
              rate > 0 ? absl::StrFormat("about %.0f s at the %.0f tokens/s of the last run",
                                         static_cast<double>(totals.tokens) / rate, rate)
                             .c_str()
                       : "unknown before a first run");
  if (prepared.tokenized_bytes > 0) {
    std::printf("tokenised: %.1f MB at %.1f MB/s\n",
                static_cast<double>(prepared.tokenized_bytes) / 1e6,
                static_cast<double>(prepared.tokenized_bytes) / 1e6 / prepared.tokenize_seconds);
  } else {
    std::printf("tokenised: nothing, the cache has it all\n");
  }
  if (prepared.plan.stages.empty()) std::printf("nothing pending\n");
}

absl::StatusOr<ExitCode> RunPlan(const BranchOptions& options, const PlanRequest& request) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  ASSIGN_OR_RETURN(const Base base, OpenBase(config));
  ASSIGN_OR_RETURN(const BranchStore store, BranchStore::Open(config.AdaptersDir()));
  Progress progress(Terminal::Of(fileno(stdout)).draws, options.json);
  const auto on_tokenize = [&](uint64_t done, uint64_t total) { progress.OnTokenize(done, total); };
  ASSIGN_OR_RETURN(const Preparation prepared, Prepare(config, store, request, on_tokenize));
  if (options.json) {
    std::printf("%s\n", DumpJson(ToJson(config, base, prepared), 1).c_str());
  } else {
    PrintText(config, base, prepared);
  }
  return ExitCode::kOk;
}

}  // namespace

void AddPlan(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand("plan", "Show what would be trained, and why");
  auto options = std::make_shared<BranchOptions>();
  auto request = std::make_shared<PlanRequest>();
  auto names = std::make_shared<std::vector<std::string>>();
  AddBranchOptions(command, options.get());
  command->add_flag("--all", request->all, "As if everything were to be trained again");
  command->add_option("--dataset", *names, "Only this dataset; repeatable")
      ->type_name(kDatasetValue)
      ->allow_extra_args(false);
  command->callback([=] {
    request->datasets.insert(names->begin(), names->end());
    *action = [=] { return RunPlan(*options, *request); };
  });
}

}  // namespace strata
