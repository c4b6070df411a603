#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "common/huggingface/hub_name.h"
#include "common/json.h"
#include "common/shell_word.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/stop_signals.h"
#include "coordinator/cli/terminal.h"
#include "coordinator/export/model_card.h"
#include "coordinator/run/branch_export.h"

namespace strata {
namespace {

// Shows how much is merged, in a terminal only, and ends it when the user asks for that.
OnBytes Watch(uint64_t total, bool shown) {
  return [=, done = uint64_t{0}](uint64_t bytes) mutable -> absl::Status {
    if (*StopsAsked() > 0) return absl::CancelledError("stopped; nothing of the export is left");
    done += bytes;
    if (!shown) return absl::OkStatus();
    std::fprintf(stderr, "\r\033[Kmerging: %llu of %llu MB%s",
                 static_cast<unsigned long long>(done / 1000000),
                 static_cast<unsigned long long>(total / 1000000), done >= total ? "\r\033[K" : "");
    return absl::OkStatus();
  };
}

struct Commands {
  std::string python, vllm, llama_cpp;
};

// The lines that load what was exported, as they work on this machine.
Commands CommandsFor(const ExportResult& result, const std::string& base, bool merged) {
  const std::string folder = result.folder.string();
  const std::string chat =
      result.has_template
          ? absl::StrCat(" --chat-template ", ShellWord(folder + "/chat_template.jinja"))
          : "";
  const std::string from_base = "AutoModelForCausalLM.from_pretrained(";
  if (merged) {
    return {absl::StrCat("model = ", from_base, DumpJson(folder), ")"),
            absl::StrCat("vllm serve ", ShellWord(folder), " --served-model-name ",
                         ShellWord(result.adapter_name), chat),
            absl::StrCat("python convert_hf_to_gguf.py ", ShellWord(folder), " --outfile ",
                         ShellWord(result.adapter_name + ".gguf"))};
  }
  return {absl::StrCat("model = ", from_base, DumpJson(base),
                       ")\nmodel = PeftModel.from_pretrained(model, ", DumpJson(folder), ")"),
          absl::StrCat("vllm serve ", ShellWord(base), " --enable-lora --max-lora-rank ",
                       VllmMaxLoraRank(result.lora_r), " --lora-modules ",
                       ShellWord(absl::StrCat(result.adapter_name, "=", folder)), chat),
          absl::StrCat("python convert_lora_to_gguf.py ", ShellWord(folder), " --base ",
                       ShellWord(base), " --outfile ", ShellWord(result.adapter_name + ".gguf"))};
}

void PrintText(const ExportResult& result, const Commands& commands, bool merged) {
  for (const std::string& note : result.notes) std::fprintf(stderr, "strata: %s\n", note.c_str());
  std::printf("%s holds %s of %s%s: %zu files, %.1f MB\n\n", result.folder.c_str(),
              VersionName(result.version).c_str(), result.adapter_name.c_str(),
              merged ? ", merged into its base" : "", result.files.size(),
              static_cast<double>(result.bytes) / 1e6);
  std::printf(
      "%s  %s\n", merged ? "transformers" : "PEFT        ",
      absl::StrReplaceAll(commands.python, {{"\n", absl::StrCat("\n", std::string(14, ' '))}})
          .c_str());
  std::printf("vLLM          %s\nllama.cpp     %s\n", commands.vllm.c_str(),
              commands.llama_cpp.c_str());
}

Json ToJson(const ExportResult& result, const Commands& commands, bool merged) {
  return {{"folder", result.folder.string()},
          {"version", VersionName(result.version)},
          {"source", result.source.string()},
          {"merged", merged},
          {"files", result.files},
          {"bytes", result.bytes},
          {"base_model", result.base_model_name},
          {"commands",
           {{merged ? "transformers" : "peft", commands.python},
            {"vllm", commands.vllm},
            {"llama_cpp", commands.llama_cpp}}},
          {"notes", result.notes}};
}

absl::StatusOr<ExitCode> RunExport(const BranchOptions& options, ExportRequest request) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  if (request.merged) {
    CatchStops("strata: stopped before anything was exported\n");
    request.on_start = WorkBegins;
    request.on_bytes = Watch(WeightBytes(config.model_name_or_path),
                             Terminal::Of(fileno(stderr)).draws && !options.json);
  }
  ASSIGN_OR_RETURN(const ExportResult result, Export(config, request));
  const Commands commands = CommandsFor(result, config.model_name_or_path.string(), request.merged);
  if (options.json) {
    std::printf("%s\n", DumpJson(ToJson(result, commands, request.merged), 1).c_str());
  } else {
    PrintText(result, commands, request.merged);
  }
  return ExitCode::kOk;
}

}  // namespace

void AddExport(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand(
      "export",
      "Copy a version into a folder that PEFT, vLLM and llama.cpp load; with --merged, the base "
      "with the adapter merged into its weights");
  auto options = std::make_shared<BranchOptions>();
  auto request = std::make_shared<ExportRequest>();
  AddBranchOptions(command, options.get());
  command
      ->add_option("DIR", request->folder,
                   "The folder to make: new or empty; it has its name only once it is whole")
      ->type_name("DIR")
      ->required();
  command
      ->add_option(
          "--version", request->version,
          "current, previous, a version (v0003), a backup's name (strata backups) or a pin")
      ->type_name(kVersionValue)
      ->capture_default_str();
  command->add_flag("--merged", request->merged,
                    "Write the base's weights with the adapter merged in, W + alpha/r B A, in the "
                    "base's own precision and files; needs about the base's size on disk, and "
                    "little memory");
  command->callback([=] { *action = [=] { return RunExport(*options, *request); }; });
}

}  // namespace strata
