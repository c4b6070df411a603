#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/huggingface/tokenizer.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/plan/shards.h"
#include "coordinator/run/preparation.h"

namespace strata {
namespace {

struct InspectRequest {
  std::string dataset;  // "" is the first of the catalog
  uint32_t epoch = 0;
  uint64_t limit = 5;
  bool json = false;
};

// A row as a worker gets it.
struct InspectedRow {
  std::vector<uint32_t> ids;
  std::vector<int64_t> labels, positions;
};

absl::StatusOr<InspectedRow> ReadRow(const DatasetTokens& tokens, const RowPlan& row) {
  InspectedRow inspected;
  for (const uint32_t example : row.examples) {
    ASSIGN_OR_RETURN(const TokenizedExample read, tokens.Read(example));
    const size_t begin = inspected.ids.size();
    inspected.ids.insert(inspected.ids.end(), read.ids.begin(), read.ids.end());
    inspected.labels.resize(inspected.ids.size(), -100);
    for (const Span& span : read.supervised) {
      for (uint32_t i = span.begin; i < span.end; ++i) inspected.labels[begin + i] = read.ids[i];
    }
    for (size_t i = 0; i < read.ids.size(); ++i)
      inspected.positions.push_back(static_cast<int64_t>(i));
  }
  return inspected;
}

// The catalog with the chosen dataset alone.
absl::StatusOr<Catalog> Choose(Catalog all, const std::string& name) {
  std::string known;
  for (Dataset& dataset : all.datasets) {
    if (name.empty() || name == dataset.name || name + ".jsonl" == dataset.name) {
      Catalog chosen;
      chosen.datasets.push_back(std::move(dataset));
      return chosen;
    }
    absl::StrAppend(&known, known.empty() ? "" : ", ", dataset.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no dataset '", name, "' in training/; it has ", known));
}

// As `strata train --dataset` would train it. What that would leave alone is shown as if all of it
// were new.
absl::StatusOr<Plan> PlanOf(const Config& config, const Catalog& chosen,
                            const DatasetTokens& tokens) {
  const Dataset& dataset = chosen.datasets[0];
  ASSIGN_OR_RETURN(const BranchStore store, BranchStore::Open(config.AdaptersDir()));
  ASSIGN_OR_RETURN(const Lineage lineage, store.LineageOfCurrent());
  ASSIGN_OR_RETURN(Plan plan,
                   MakePlan(config, chosen, {&tokens}, lineage, {.datasets = {dataset.name}}));
  return plan.stages.empty() ? PlanOfDataset(config, dataset, tokens, 0) : plan;
}

absl::Status PrintText(const Config& config, const InspectedRow& row, uint32_t step, size_t index) {
  ASSIGN_OR_RETURN(const Tokenizer tokenizer,
                   Tokenizer::FromFile(config.model_name_or_path / "tokenizer.json"));
  size_t supervised = 0;
  std::vector<uint32_t> learnt;
  for (size_t i = 0; i < row.ids.size(); ++i) {
    if (row.labels[i] >= 0) learnt.push_back(row.ids[i]);
    supervised += row.labels[i] >= 0;
  }
  ASSIGN_OR_RETURN(const std::string all, tokenizer.DecodeWithSpecial(row.ids));
  ASSIGN_OR_RETURN(const std::string supervised_text, tokenizer.DecodeWithSpecial(learnt));
  std::printf("── step %u, row %zu: %zu tokens, %zu supervised\n%s\n── supervised:\n%s\n\n", step,
              index, row.ids.size(), supervised, all.c_str(), supervised_text.c_str());
  return absl::OkStatus();
}

// The rows of the plan's one stage, as many as are asked for.
absl::Status PrintRows(const Config& config, const DatasetTokens& tokens, const Plan& plan,
                       const InspectRequest& request) {
  const StagePlan& stage = plan.stages[0];
  uint64_t left = request.limit;
  const std::vector<StepRows> steps = StepsOfEpoch(plan, stage, request.epoch);
  for (uint32_t step = 0; step < steps.size(); ++step) {
    for (size_t i = 0; i < steps[step].size() && left > 0; ++i, --left) {
      ASSIGN_OR_RETURN(const InspectedRow row, ReadRow(tokens, steps[step][i]));
      if (!request.json) {
        RETURN_IF_ERROR(PrintText(config, row, step, i));
        continue;
      }
      std::printf("%s\n", DumpJson({{"stage", stage.index},
                                    {"dataset", stage.dataset},
                                    {"pass", stage.pass},
                                    {"epoch", request.epoch},
                                    {"step", step},
                                    {"row", i},
                                    {"ids", row.ids},
                                    {"labels", row.labels},
                                    {"positions", row.positions},
                                    {"examples", steps[step][i].examples}})
                              .c_str());
    }
  }
  return absl::OkStatus();
}

// Why there is no row to show.
absl::Status NothingToShow(const Dataset& dataset, const StagePlan& stage) {
  std::vector<std::string> reasons;
  for (const auto& [count, what] : {std::pair(stage.bad_lines, "can't be read"),
                                    std::pair(stage.refused_too_long, "longer than max_length"),
                                    std::pair(stage.refused_unsupervised, "nothing to learn"),
                                    std::pair(stage.held_out, "held out")})
    if (count > 0) reasons.push_back(absl::StrCat(what, ": ", count));
  for (const BadLine& bad : dataset.bad_lines) {
    reasons.push_back(absl::StrCat("line ", bad.line, ": ", bad.reason));
    break;
  }
  return absl::DataLossError(absl::StrCat(
      "no row to show, for nothing of ", dataset.name, " is trained",
      reasons.empty() ? ": it has no lines" : absl::StrCat(" (", absl::StrJoin(reasons, "; "), ")"),
      "; strata plan names each line that is refused"));
}

absl::StatusOr<ExitCode> Inspect(const BranchOptions& options, const InspectRequest& request) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  ASSIGN_OR_RETURN(Catalog catalog, ReadCatalog(config));
  ASSIGN_OR_RETURN(const Catalog chosen, Choose(std::move(catalog), request.dataset));
  const Dataset* const dataset = &chosen.datasets[0];
  ASSIGN_OR_RETURN(const TokenStore store, TokenStore::Open(config));
  ASSIGN_OR_RETURN(const DatasetTokens tokens, store.TokensOf(*dataset, nullptr));
  ASSIGN_OR_RETURN(const Plan plan, PlanOf(config, chosen, tokens));
  const StagePlan& stage = plan.stages[0];
  if (stage.examples.empty()) return NothingToShow(*dataset, stage);
  if (request.epoch >= stage.steps.size()) {
    return absl::InvalidArgumentError(absl::StrCat("no epoch ", request.epoch, ": ", dataset->name,
                                                   " has ", stage.steps.size(),
                                                   ", counted from 0"));
  }
  RETURN_IF_ERROR(PrintRows(config, tokens, plan, request));
  return ExitCode::kOk;
}

}  // namespace

void AddInspect(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand("inspect", "Show the rows exactly as a worker gets them");
  auto options = std::make_shared<BranchOptions>();
  auto request = std::make_shared<InspectRequest>();
  AddBranchOptions(command, options.get());
  command->add_option("--dataset", request->dataset, "Which, trained or not; default: the first")
      ->type_name(kDatasetValue);
  command->add_option("--epoch", request->epoch, "Which epoch, from 0")->capture_default_str();
  CLI::Option* limit =
      command->add_option("--limit", request->limit, "How many rows (default: 5; with --json all)");
  command->callback([=] {
    request->json = options->json;
    const bool all = limit->count() == 0 || request->limit == 0;
    if (options->json && all) request->limit = UINT64_MAX;
    *action = [=] { return Inspect(*options, *request); };
  });
}

}  // namespace strata
