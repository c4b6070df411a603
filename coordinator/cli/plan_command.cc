#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/counted.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/plan_table.h"
#include "coordinator/cli/progress.h"
#include "coordinator/cli/stage_view.h"
#include "coordinator/cli/terminal.h"
#include "coordinator/cli/text_table.h"
#include "coordinator/run/estimate.h"
#include "coordinator/run/preparation.h"
#include "coordinator/run/rebuild.h"
#include "coordinator/tokens/template_source.h"

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

void PrintBadLines(const Catalog& catalog, const Terminal& terminal) {
  const auto refused = [&](const std::string& what) {
    std::printf("%s", Sentence("refused: " + what, Style::kYellow, terminal).c_str());
  };
  for (const Dataset& dataset : catalog.datasets) {
    for (const BadLine& bad : dataset.bad_lines)
      refused(absl::StrCat(dataset.name, ":", bad.line, ": ", bad.reason));
    if (dataset.bad_line_count > dataset.bad_lines.size()) {
      refused(absl::StrCat(dataset.name, ": ", dataset.bad_line_count - dataset.bad_lines.size(),
                           " more"));
    }
  }
}

// Nothing but what a rebuild would leave behind.
std::vector<std::string> Forgotten(const Preparation& prepared) {
  if (!prepared.plan.rebuild) return {};
  return ForgottenByRebuild(prepared.catalog, prepared.lineage);
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
                              {"decay_steps", stage.decay_steps},
                              {"learning_rate", stage.learning_rate},
                              {"tokens", stage.tokens},
                              {"supervised_tokens", stage.supervised_tokens},
                              {"bad_lines", stage.bad_lines},
                              {"refused_too_long", stage.refused_too_long},
                              {"truncated", stage.truncated},
                              {"refused_unsupervised", stage.refused_unsupervised},
                              {"held_out", stage.held_out},
                              {"held_out_examples", stage.held_out_examples.size()},
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
  json["forgotten"] = Forgotten(prepared);
  json["examples"] = totals.examples;
  json["tokens"] = totals.tokens;
  json["updates"] = totals.steps;
  json["trainable_params"] = base.layout.elements;
  json["memory_estimate_bytes"] = WorkerMemoryEstimate(config, base);
  json["estimated_seconds"] = rate > 0 ? Json(static_cast<double>(totals.tokens) / rate) : Json();
  return json;
}

std::string TimeText(const Config& config, const Totals& totals) {
  const double rate = MeasuredTokensPerSecond(config.RunsDir(), config.device);
  if (rate <= 0) return "time: unknown before a first run";
  return absl::StrFormat("time: about %s at the %.0f tokens/s of the last run",
                         DurationText(static_cast<double>(totals.tokens) / rate), rate);
}

std::string TokenizedText(const Preparation& prepared) {
  if (prepared.tokenized_bytes == 0) return "tokenised: nothing, the cache has it all";
  const double megabytes = static_cast<double>(prepared.tokenized_bytes) / 1e6;
  return absl::StrFormat("tokenised: %.1f MB at %.1f MB/s", megabytes,
                         megabytes / prepared.tokenize_seconds);
}

void PrintText(const Config& config, const Base& base, const Preparation& prepared) {
  const Terminal terminal = Terminal::Of(fileno(stdout));
  const auto say = [&](const std::string& sentence, Style style = Style::kPlain) {
    std::printf("%s", Sentence(sentence, style, terminal).c_str());
  };
  PrintBadLines(prepared.catalog, terminal);
  if (!prepared.catalog.others.empty()) {
    say(absl::StrCat("warning: no datasets, for their names do not end with .jsonl: ",
                     absl::StrJoin(prepared.catalog.others, ", ")),
        Style::kYellow);
  }
  if (config.chat_template == "default" && ModelTemplate(config.model_name_or_path).ok()) {
    say("warning: the base has a chat template of its own, which is not used: chat_template: model "
        "in branch.yaml uses it; strata inspect shows how the rows are written",
        Style::kYellow);
  }
  if (!prepared.template_change.empty())
    say("warning: " + prepared.template_change, Style::kYellow);
  for (const std::string& missing : prepared.catalog.missing) {
    say(absl::StrCat("warning: the configuration names ", missing,
                     ", which training/ does not have"),
        Style::kYellow);
  }
  if (const std::string forgotten = ForgottenText(Forgotten(prepared)); !forgotten.empty())
    say("warning: " + forgotten, Style::kYellow);
  PrintPlanTable(prepared.plan, terminal);
  const Totals totals = TotalsOf(prepared.plan);
  std::printf("\n");
  say(absl::StrCat(Counted(totals.examples, "example"), " in ",
                   Counted(prepared.plan.stages.size(), "stage"), ", ",
                   Counted(totals.tokens, "token"), " over all epochs, ",
                   Counted(totals.steps, "update")));
  say(absl::StrFormat("trainable parameters: %d", base.layout.elements));
  say(
      absl::StrFormat("memory of a worker: about %.2f GiB beside the program, at micro_batch_size "
                      "%u in %s",
                      static_cast<double>(WorkerMemoryEstimate(config, base)) / (1 << 30),
                      config.micro_batch_size, base.dtype));
  say(TimeText(config, totals));
  say(TokenizedText(prepared));
  if (prepared.plan.stages.empty()) say("nothing pending");
}

absl::StatusOr<ExitCode> RunPlan(const BranchOptions& options, const PlanRequest& request) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  ASSIGN_OR_RETURN(const Base base, OpenBase(config));
  ASSIGN_OR_RETURN(const BranchStore store, BranchStore::Open(config.AdaptersDir()));
  Progress progress(options.json);
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
  CLI::Option* all =
      command->add_flag("--all", request->all, "As if everything were to be trained again");
  CLI::Option* dataset = command->add_option("--dataset", *names, "Only this dataset; repeatable")
                             ->type_name(kDatasetValue)
                             ->allow_extra_args(false);
  command->add_flag("--rebuild", request->rebuild, "What strata rebuild would train")
      ->excludes(all, dataset);
  command->callback([=] {
    request->datasets.insert(names->begin(), names->end());
    *action = [=] { return RunPlan(*options, *request); };
  });
}

}  // namespace strata
