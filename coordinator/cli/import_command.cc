#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/folder_path.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/run/import.h"

namespace strata {
namespace {

constexpr char kAbout[] =
    "Take a LoRA adapter made elsewhere as the branch's next version, current";

constexpr char kMore[] =
    "DIR is what PEFT's save_pretrained writes: adapter_config.json and adapter_model.safetensors, "
    "in fp32, bf16 or fp16.\n"
    "What it was trained on is not known here, so all of training/ is pending afterwards, but for "
    "held and excluded ones;\n"
    "--trained says what else is not.\n"
    "While a strata train runs on the branch this is refused: that run's adapter would end parked.";

struct ImportOptions {
  BranchOptions branch;
  ImportRequest request;
};

std::string Names(const std::vector<StageResult>& stages) {
  return absl::StrJoin(stages, ", ", [](std::string* out, const StageResult& stage) {
    absl::StrAppend(out, stage.dataset, " (", stage.examples, " examples)");
  });
}

void PrintText(const Config& config, const ImportResult& result) {
  const std::string version = VersionName(result.version);
  if (result.already_current) {
    std::printf("%s, which is current, is this adapter already; nothing was changed\n",
                version.c_str());
  } else if (result.parked) {
    std::printf(
        "%s is committed but not current, which has moved on meanwhile; take it with: "
        "strata restore %s\n",
        version.c_str(), version.c_str());
  } else {
    std::printf("%s %s, from %s\n", version.c_str(),
                result.unfinished ? "is committed, and current once the next command finishes that"
                                  : "is current",
                result.imported_from["folder"].get<std::string>().c_str());
  }
  if (!result.unfinished) {
    for (const std::string& backup : result.backups) std::printf("backup    %s\n", backup.c_str());
  }
  if (!result.trained.empty())
    std::printf("trained   elsewhere, as told: %s\n", Names(result.trained).c_str());
  std::printf("pending   %s\n",
              result.pending.empty() ? "nothing" : absl::StrJoin(result.pending, ", ").c_str());
  if (!result.held.empty()) {
    std::printf("held      by a restore: %s; make them pending with strata release\n",
                absl::StrJoin(result.held, ", ").c_str());
  }
  std::printf("next      strata %s -C %s\n", result.pending.empty() ? "status" : "plan",
              config.branch.c_str());
}

Json ToJson(const ImportResult& result, const std::vector<std::string>& warnings) {
  Json json = {{"version", VersionName(result.version)},
               {"already_current", result.already_current},
               {"parked", result.parked},
               {"unfinished", result.unfinished},
               {"backups_created", result.backups},
               {"imported_from", result.imported_from},
               {"trained_elsewhere", Json::array()},
               {"pending", result.pending},
               {"held", result.held},
               {"warnings", warnings}};
  for (const StageResult& stage : result.trained) {
    json["trained_elsewhere"].push_back(
        {{"dataset", stage.dataset}, {"examples", stage.examples}, {"sha256", stage.sha256.Hex()}});
  }
  return json;
}

absl::StatusOr<ExitCode> RunImport(const ImportOptions& options) {
  ASSIGN_OR_RETURN(const Config config, options.branch.Load());
  ImportRequest request = options.request;
  request.folder = FolderPath(std::filesystem::absolute(request.folder));
  std::vector<std::string> warnings;
  request.on_warning = [&](const std::string& sentence) {
    warnings.push_back(sentence);
    if (!options.branch.json) PrintWarning(sentence);
  };
  ASSIGN_OR_RETURN(const ImportResult result, Import(config, request));
  if (options.branch.json) {
    std::printf("%s\n", DumpJson(ToJson(result, warnings), 1).c_str());
  } else {
    PrintText(config, result);
  }
  return ExitCode::kOk;
}

}  // namespace

void AddImport(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand("import", kAbout);
  command->footer(kMore);
  auto options = std::make_shared<ImportOptions>();
  AddBranchOptions(command, &options->branch);
  command->add_option("DIR", options->request.folder, "The adapter's folder")
      ->type_name("DIR")
      ->required();
  command
      ->add_option("--trained", options->request.trained,
                   "A file of training/ that the adapter has seen, or a glob of such; repeatable")
      ->type_name(kDatasetValue)
      ->allow_extra_args(false);
  command->callback([=] { *action = [=] { return RunImport(*options); }; });
}

}  // namespace strata
