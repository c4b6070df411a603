#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/config_json.h"
#include "common/folder_path.h"
#include "common/huggingface/hub_name.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/catalog/example.h"
#include "coordinator/cli/command.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kConfigBytesMax = 16 << 20;

// JSON's strings are YAML's double-quoted ones. REQUIRES: UTF-8.
std::string Quoted(const std::string& text) { return DumpJson(Json(text)); }

// What the base calls itself, if it was fetched from the Hub: its folder in the Hub's cache
// (models--org--name/snapshots/REVISION), else config.json's _name_or_path; "" when neither tells.
std::string PublicName(const fs::path& base) {
  const std::string cached = base.parent_path().parent_path().filename().string();
  const size_t dashes = cached.rfind("--");
  if (cached.rfind("models--", 0) == 0 && dashes > 8)
    return cached.substr(8, dashes - 8) + "/" + cached.substr(dashes + 2);
  const absl::StatusOr<std::string> text = ReadFile(base / "config.json", kConfigBytesMax);
  if (!text.ok()) return "";
  const absl::StatusOr<Json> json = ParseJson(*text, "config.json");
  if (!json.ok()) return "";
  const std::string name = JsonString(*json, "_name_or_path", "config.json").value_or("");
  return IsHubName(name) ? name : "";
}

// The line that keeps a private path out of adapter_config.json.
std::string BaseNameLine(const fs::path& base) {
  const std::string known = PublicName(base);
  return absl::StrCat(
      "base_model_name: ", Quoted(known.empty() ? base.filename().string() : known),
      known.empty()
          ? "  # set it to the base's name on the Hub (org/name): others find it by that\n"
          : "  # the base's name on the Hub\n");
}

std::string BranchYaml(const fs::path& base, const ModelConfig& model) {
  return absl::StrCat(
      "# A branch of strata. Every key, with its default and why, is in "
      "deploy/branch.sample.yaml.\n"
      "model_name_or_path: ",
      Quoted(base.string()),
      "  # a Hugging Face folder: config.json, tokenizer.json, *.safetensors\n", BaseNameLine(base),
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

// INVALID_ARGUMENT for one that YAML cannot hold.
absl::StatusOr<fs::path> AbsoluteBase(const fs::path& base) {
  const fs::path path = FolderPath(fs::absolute(base));
  if (!IsUtf8(path.string()))
    return absl::InvalidArgumentError("the base model's path is not UTF-8; rename the folder");
  return path;
}

absl::StatusOr<ExitCode> Init(const fs::path& folder, const fs::path& base, bool json) {
  ASSIGN_OR_RETURN(const ModelConfig model, ReadModelConfig(base));
  const fs::path file = folder / "branch.yaml";
  std::error_code ignored;
  if (fs::exists(file, ignored)) {
    return absl::AlreadyExistsError(
        absl::StrCat(file.string(), " exists already; edit it, or choose another folder"));
  }
  ASSIGN_OR_RETURN(const fs::path absolute, AbsoluteBase(base));
  FileSystem* const files = FileSystem::Real();
  RETURN_IF_ERROR(files->CreateDirectories(folder / "training"));
  RETURN_IF_ERROR(files->WriteFileDurably(file, BranchYaml(absolute, model)));
  if (json) {
    std::printf("%s\n", DumpJson({{"branch", FolderPath(fs::absolute(folder)).string()},
                                  {"branch_yaml", fs::absolute(file).lexically_normal().string()}})
                            .c_str());
    return ExitCode::kOk;
  }
  // A branch that was made before strata.
  if (fs::exists(folder / "adapters/lora_adapters/current/adapter_config.json")) {
    std::printf("Made %s. Now take over the adapters that are there: strata adopt %s\n",
                file.c_str(), folder.c_str());
    return ExitCode::kOk;
  }
  std::printf(
      "Made %s. Now put JSONL files into %s and see what would be trained: strata plan -C %s\n",
      file.c_str(), (folder / "training").c_str(), folder.c_str());
  return ExitCode::kOk;
}

}  // namespace

void AddInit(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand("init", "Make a branch with a commented branch.yaml");
  auto folder = std::make_shared<std::string>(), base = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  command->add_option("DIR", *folder, "The new branch's folder")->type_name("DIR")->required();
  command->add_option("--base-model", *base, "The base model: a Hugging Face folder")
      ->type_name("DIR")
      ->required();
  command->add_flag("--json", *json, "Print JSON");
  command->callback([=] { *action = [=] { return Init(*folder, *base, *json); }; });
}

}  // namespace strata
