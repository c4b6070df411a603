#include <cstdio>

#include "common/counted.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/run/evaluation.h"

namespace strata {
namespace {

absl::StatusOr<ExitCode> RunEvaluate(const BranchOptions& options, const EvaluateRequest& request) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  EvaluateRequest asked = request;
  asked.on_warning = PrintWarning;
  ASSIGN_OR_RETURN(const EvaluateResult result, Evaluate(config, asked));
  if (options.json) {
    std::printf("%s\n", DumpJson({{"loss", result.loss},
                                  {"tokens", result.tokens},
                                  {"examples", result.examples},
                                  {"bad_lines", result.bad_lines},
                                  {"refused", result.refused}})
                            .c_str());
  } else {
    std::printf("loss %.6f nats a token over %llu supervised tokens of %llu examples\n",
                result.loss, static_cast<unsigned long long>(result.tokens),
                static_cast<unsigned long long>(result.examples));
    if (result.bad_lines > 0) {
      std::printf("left out: %s that no example can be read from\n",
                  Counted(result.bad_lines, "line").c_str());
    }
    if (result.refused > 0) {
      std::printf("left out: %s too long or without a supervised token\n",
                  Counted(result.refused, "example").c_str());
    }
  }
  return ExitCode::kOk;
}

}  // namespace

void AddEvaluate(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand("evaluate", "Measure an adapter's loss over a file");
  auto options = std::make_shared<BranchOptions>();
  auto request = std::make_shared<EvaluateRequest>();
  AddBranchOptions(command, options.get());
  command->add_option("--data", request->data, "A JSONL file of any shape that training takes")
      ->type_name("FILE")
      ->required();
  AddAdapterOption(command, &request->adapter);
  command->callback([=] { *action = [=] { return RunEvaluate(*options, *request); }; });
}

}  // namespace strata
