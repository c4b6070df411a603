#include "coordinator/run/evaluation.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/run/branch_start.h"
#include "coordinator/run/launcher_choice.h"
#include "coordinator/run/micro_batch_choice.h"
#include "coordinator/run/named_adapter.h"
#include "coordinator/run/preparation.h"
#include "coordinator/run/run_access.h"
#include "coordinator/run/run_driver.h"

namespace strata {

absl::StatusOr<EvaluateResult> Evaluate(const Config& config, const EvaluateRequest& request) {
  ASSIGN_OR_RETURN(const Base base, OpenBase(config));
  ASSIGN_OR_RETURN(const BranchStore store, OpenBranchStore(config));
  ASSIGN_OR_RETURN(const TokenStore token_store, TokenStore::Open(config));
  ASSIGN_OR_RETURN(Dataset dataset, ReadDataset(config, request.data));
  EvaluateResult result;
  result.bad_lines = dataset.bad_line_count;
  if (dataset.examples.empty()) {
    return absl::OutOfRangeError(absl::StrCat(
        request.data.string(), " has no line that can be evaluated: ", dataset.bad_line_count,
        " are refused"));
  }
  ASSIGN_OR_RETURN(const DatasetTokens tokens, token_store.TokensOf(dataset, nullptr));
  dataset.num_train_epochs = 1;
  Config once = config;
  once.max_steps = 0;
  once.workers = 1;
  once.micro_batch_size = ChooseMicroBatch(once, base, BudgetHere(once)).rows;
  const Plan plan = PlanOfDataset(once, dataset, tokens, 0);
  const StagePlan& stage = plan.stages[0];
  result.examples = stage.examples.size();
  result.refused = stage.refused_too_long + stage.refused_unsupervised;
  if (stage.examples.empty()) {
    return absl::OutOfRangeError(absl::StrCat(request.data.string(),
                                              ": no example fits max_length and has anything "
                                              "supervised"));
  }
  ShardSource shards(&plan, {&tokens});
  DriveInput input;
  input.spec.run = RunId(absl::StrCat("evaluation-", RandomHex(4)));
  input.spec.purpose = Purpose::kEvaluate;
  input.spec.stages = {stage.steps};
  input.task = TaskBasics(once, base);
  input.task.mutable_evaluate()->set_steps(stage.steps[0]);
  ASSIGN_OR_RETURN(input.adapter,
                   AdapterNamed(config, store, base, request.adapter, request.on_warning));
  input.shards = &shards;
  ASSIGN_OR_RETURN(input.access, NewAccess(config, /*elsewhere=*/false));
  RETURN_IF_ERROR(FileSystem::Real()->CreateDirectories(config.CacheDir()));
  input.launcher = LocalLauncher(config);
  input.launch = {.ranks = 1,
                  .worker = WorkerProgram(),
                  .arguments = {"--device", config.device},
                  .environment = {},
                  .log = config.CacheDir() / "evaluate.log"};
  RunDriver driver(std::move(input));
  RETURN_IF_ERROR(driver.Open());
  ASSIGN_OR_RETURN(const DriveOutcome outcome, driver.Drive());
  if (outcome.verdict != Verdict::kCompleted) {
    return absl::UnavailableError(absl::StrCat(outcome.reason, " (what the worker said: ",
                                               (config.CacheDir() / "evaluate.log").string(), ")"));
  }
  if (outcome.loss_tokens == 0) return absl::InternalError("the worker counted no token");
  if (!std::isfinite(outcome.loss_sum)) {
    return absl::DataLossError(
        "the loss is not finite: the adapter, the base or the data makes numbers overflow");
  }
  result.tokens = outcome.loss_tokens;
  result.loss = outcome.loss_sum / static_cast<double>(outcome.loss_tokens);
  return result;
}

}  // namespace strata
