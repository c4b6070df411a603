#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/config_json.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

std::string BranchYaml(const fs::path& base, const ModelConfig& model) {
  return absl::StrCat(
      "# A branch of strata. Every key, with its default and why, is in "
      "deploy/branch.sample.yaml.\n"
      "model_name_or_path: ",
      base.string(),
      "  # a Hugging Face folder: config.json, tokenizer.json, *.safetensors\n"
      "# base_model_name: org/name              # its public name, for those who load the adapter "
      "elsewhere\n"
      "\n"
      "lora_r: 16\n"
      "lora_alpha: 32\n"
      "lora_dropout: 0.0\n"
      "\n"
      "max_length: ",
      std::min<int64_t>(512, model.max_position_embeddings),
      "            # tokens of a row\n"
      "global_batch_size: 16      # rows of an optimizer step, over all workers\n"
      "micro_batch_size: 4        # rows a worker computes at once: only memory\n"
      "num_train_epochs: 3\n"
      "learning_rate: 2.0e-4\n"
      "\n"
      "workers: 1                 # MPI ranks: one for each GPU\n");
}

absl::StatusOr<ExitCode> Init(const fs::path& folder, const fs::path& base) {
  ASSIGN_OR_RETURN(const ModelConfig model, ReadModelConfig(base));
  const fs::path file = folder / "branch.yaml";
  if (fs::exists(file)) {
    return absl::AlreadyExistsError(
        absl::StrCat(file.string(), " exists already; edit it, or choose another folder"));
  }
  FileSystem* const files = FileSystem::Real();
  RETURN_IF_ERROR(files->CreateDirectories(folder / "training"));
  RETURN_IF_ERROR(
      files->WriteFileDurably(file, BranchYaml(fs::absolute(base).lexically_normal(), model)));
  std::printf(
      "Made %s. Now put JSONL files into %s and see what would be trained: strata plan -C %s\n",
      file.c_str(), (folder / "training").c_str(), folder.c_str());
  return ExitCode::kOk;
}

}  // namespace

void AddInit(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand("init", "Make a branch with a commented branch.yaml");
  auto folder = std::make_shared<std::string>(), base = std::make_shared<std::string>();
  command->add_option("DIR", *folder, "The new branch's folder")->required();
  command->add_option("--base-model", *base, "The base model: a Hugging Face folder")->required();
  command->callback([=] { *action = [=] { return Init(*folder, *base); }; });
}

}  // namespace strata
