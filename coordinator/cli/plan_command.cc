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
#include "coordinator/run/interrupted_run.h"
#include "coordinator/run/micro_batch_choice.h"
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

// What a plan shows, and what it was made from.
struct Planned {
  const Config& config;
  const Base& base;
  const MicroBatch micro_batch;
  const Preparation& prepared;
  const std::vector<InterruptedRun> unfinished = {};
};

Json MemoryJson(const MicroBatch& micro_batch) {
  const MemoryEstimate& estimate = micro_batch.estimate;
  return {{"program", estimate.program},
          {"kernels", estimate.kernels},
          {"weights", estimate.weights},
          {"adapter", estimate.adapter},
          {"activations_per_row", estimate.activations_per_row},
          {"activations", estimate.activations},
          {"working", estimate.working},
          {"heap_holes", estimate.heap_holes},
          {"budget", micro_batch.budget.bytes},
          {"budget_source", micro_batch.budget.source},
          {"on", micro_batch.budget.on_cuda ? "cuda" : "cpu"}};
}

Json ToJson(const Planned& planned) {
  const auto& [config, base, micro_batch, prepared, unfinished] = planned;
  Json json = {
      {"stages", Json::array()}, {"skipped", Json::array()}, {"refused_lines", Json::array()}};
  json["unfinished_runs"] = Json::array();
  for (const InterruptedRun& run : unfinished) json["unfinished_runs"].push_back(run.run.value());
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
  json["micro_batch_size"] = micro_batch.rows;
  json["gradient_checkpointing"] = micro_batch.checkpointing;
  json["gradient_checkpointing_reason"] = micro_batch.why.empty() ? Json() : Json(micro_batch.why);
  json["memory_estimate_bytes"] = micro_batch.estimate.total();
  json["memory_bytes"] = MemoryJson(micro_batch);
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

// "micro_batch_size 4, chosen by auto: estimated 11.2 of 14.4 GB (…)".
std::vector<std::string> MemoryTexts(const Planned& planned) {
  const MemoryEstimate& estimate = planned.micro_batch.estimate;
  const MemoryBudget& budget = planned.micro_batch.budget;
  const auto gb = [](uint64_t bytes) {
    return absl::StrFormat("%.1f", static_cast<double>(bytes) / 1e9);
  };
  std::vector<std::string> terms = {"program " + gb(estimate.program)};
  if (estimate.kernels > 0) terms.push_back("compiled kernels " + gb(estimate.kernels));
  for (const auto& [name, bytes] :
       {std::pair("weights", estimate.weights), std::pair("adapter", estimate.adapter),
        std::pair("activations", estimate.activations), std::pair("working", estimate.working)})
    terms.push_back(absl::StrCat(name, " ", gb(bytes)));
  if (estimate.heap_holes > 0) terms.push_back("holes in the heap " + gb(estimate.heap_holes));
  const std::string checkpointing = absl::StrCat(
      "gradient_checkpointing ", planned.micro_batch.checkpointing ? "true" : "false",
      planned.micro_batch.why.empty() ? "" : ", chosen by auto: ", planned.micro_batch.why);
  return {absl::StrCat("micro_batch_size ", planned.micro_batch.rows,
                       planned.micro_batch.chosen ? ", chosen by auto" : "", ": estimated ",
                       gb(estimate.total()), " of ", gb(budget.bytes), " GB a worker (",
                       budget.source, ")"),
          checkpointing,
          absl::StrCat("memory of a worker in GB, ", budget.on_cuda ? "on a GPU" : "on the CPU",
                       " in ", planned.base.dtype, ": ", absl::StrJoin(terms, ", "))};
}

void PrintText(const Planned& planned) {
  const auto& [config, base, micro_batch, prepared, unfinished] = planned;
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
  for (const std::string& warning : prepared.template_warnings)
    say("warning: " + warning, Style::kYellow);
  if (const std::string room = NoRoomText(micro_batch, config); !room.empty())
    say("warning: " + room, Style::kYellow);
  for (const std::string& missing : prepared.catalog.missing) {
    say(absl::StrCat("warning: the configuration names ", missing,
                     ", which training/ does not have"),
        Style::kYellow);
  }
  if (const std::string forgotten = ForgottenText(Forgotten(prepared)); !forgotten.empty())
    say("warning: " + forgotten, Style::kYellow);
  for (const InterruptedRun& run : unfinished)
    say(absl::StrCat("warning: the run ", run.run.value(), " is ", UnfinishedText(run),
                     "; strata train goes on with it, by its own plan, before what follows"),
        Style::kYellow);
  PrintPlanTable(prepared.plan, terminal);
  const Totals totals = TotalsOf(prepared.plan);
  std::printf("\n");
  say(absl::StrCat(Counted(totals.examples, "example"), " in ",
                   Counted(prepared.plan.stages.size(), "stage"), ", ",
                   Counted(totals.tokens, "token"), " over all epochs, ",
                   Counted(totals.steps, "update")));
  say(absl::StrFormat("trainable parameters: %d", base.layout.elements));
  for (const std::string& text : MemoryTexts(planned)) say(text);
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
  const Planned planned{config, base, ChooseMicroBatch(config, base, BudgetHere(config)), prepared,
                        InterruptedRuns(config, store)};
  if (options.json) {
    std::printf("%s\n", DumpJson(ToJson(planned), 1).c_str());
  } else {
    PrintText(planned);
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
