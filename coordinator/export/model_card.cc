#include "coordinator/export/model_card.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/huggingface/hub_name.h"
#include "common/shell_word.h"

namespace strata {
namespace {

std::string TextAt(const Json& json, const char* key) {
  return JsonString(json, key, "the version").value_or("");
}

// As a table shows it: numbers as they are, losses to four digits, "not known" for what is missing.
std::string NumberAt(const Json& json, const char* key) {
  const auto at = json.find(key);
  if (at == json.end() || !at->is_number()) return "not known";
  return at->is_number_float() ? absl::StrFormat("%.6g", at->get<double>()) : DumpJson(*at);
}

std::string LossAt(const Json& json, const char* key) {
  const auto at = json.find(key);
  return at != json.end() && at->is_number() ? absl::StrFormat("%.4f", at->get<double>())
                                             : "not known";
}

// Within a table's cell or a heading. REQUIRES: one line of Markdown.
std::string Plain(const std::string& text) {
  std::string plain = text;
  for (char& c : plain) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return absl::StrReplaceAll(plain, {{"|", "\\|"}, {"<", "&lt;"}, {"`", "'"}});
}

std::string FrontMatter(const CardFacts& facts, const std::string& base) {
  std::string text = "---\n";
  const char* relation = facts.merged ? "finetune" : "adapter";
  // The Hub refuses a card whose base_model is no name of its own.
  if (IsHubName(base)) {
    absl::StrAppend(&text, "base_model: ", DumpJson(base), "\nbase_model_relation: ", relation,
                    "\n");
  }
  absl::StrAppend(&text, "library_name: ", facts.merged ? "transformers" : "peft",
                  "\npipeline_tag: text-generation\ntags:\n- lora\n- strata\n");
  if (IsHubName(base)) {
    absl::StrAppend(&text, "- ", DumpJson(absl::StrCat("base_model:", relation, ":", base)), "\n");
  }
  return text + "---\n";
}

std::string BaseLink(const std::string& base) {
  return IsHubName(base) ? absl::StrCat("[", base, "](https://huggingface.co/", base, ")")
                         : absl::StrCat("`", Plain(base), "`");
}

std::string Figures(const CardFacts& facts) {
  const Json &metadata = facts.metadata, &adapter = facts.adapter_config;
  std::vector<std::string> targets;
  if (const auto list = adapter.find("target_modules"); list != adapter.end()) {
    for (const Json& name : *list)
      if (name.is_string()) targets.push_back(name.get<std::string>());
  }
  return absl::StrCat("| | |\n|---|---|\n| version | ", facts.version, " (",
                      Plain(TextAt(metadata, "last_updated")),
                      ") |\n| LoRA rank, alpha, dropout | ", NumberAt(adapter, "r"), ", ",
                      NumberAt(adapter, "lora_alpha"), ", ", NumberAt(adapter, "lora_dropout"),
                      " |\n| on | ", Plain(absl::StrJoin(targets, ", ")),
                      " |\n| trainable parameters | ", NumberAt(metadata, "trainable_params"),
                      " |\n| trained | ", NumberAt(metadata, "total_examples_trained"),
                      " examples, ", NumberAt(metadata, "total_epochs"),
                      " epochs over all datasets |\n| training loss, last dataset | ",
                      LossAt(metadata, "last_loss"), " |\n| training loss, lowest of a dataset | ",
                      LossAt(metadata, "best_loss"), " |\n");
}

std::string History(const Json& metadata) {
  const auto history = metadata.find("training_history");
  if (history == metadata.end() || !history->is_array() || history->empty()) return "";
  std::string text =
      "\n## Training\nDatasets in the order of training, each onto the adapter that the one before "
      "it left.\n\n| dataset | examples | epochs | training loss |\n|---|---|---|---|\n";
  for (const Json& line : *history) {
    absl::StrAppend(&text, "| ", Plain(TextAt(line, "dataset")), " | ", NumberAt(line, "examples"),
                    " | ", NumberAt(line, "epochs"), " | ", LossAt(line, "loss"), " |\n");
  }
  return text +
         "\nA loss is measured while training, in nats a token: the mean over the supervised "
         "tokens "
         "of the dataset's last epoch. It is no measure on unseen text.\n";
}

std::string Use(const CardFacts& facts, const std::string& base) {
  const std::string chat = facts.has_template ? " --chat-template chat_template.jinja" : "";
  if (facts.merged) {
    return absl::StrCat(
        "\n## Use\n```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n"
        "model = AutoModelForCausalLM.from_pretrained(\".\")\n"
        "tokenizer = AutoTokenizer.from_pretrained(\".\")\n```\n```sh\nvllm serve .",
        chat, "\n```\n");
  }
  const int64_t r = JsonInteger(facts.adapter_config, "r", "").value_or(0);
  return absl::StrCat(
      "\n## Use\n```python\nfrom peft import PeftModel\nfrom transformers import "
      "AutoModelForCausalLM\nbase = AutoModelForCausalLM.from_pretrained(",
      DumpJson(base), ")\nmodel = PeftModel.from_pretrained(base, \".\")\n```\n",
      "```sh\nvllm serve ", ShellWord(base), " --enable-lora --max-lora-rank ", VllmMaxLoraRank(r),
      " --lora-modules adapter=.", chat, "\n```\n",
      r > kVllmLoraRankMax
          ? absl::StrCat("vLLM refuses it: rank ", r, " is more than ", kVllmLoraRankMax,
                         ". It serves a merged export (`strata export --merged`).\n")
          : "");
}

}  // namespace

std::string ModelCard(const CardFacts& facts) {
  const std::string base = TextAt(facts.adapter_config, "base_model_name_or_path");
  const std::string name = Plain(TextAt(facts.metadata, "adapter_name"));
  return absl::StrCat(
      FrontMatter(facts, base), "\n# ", name.empty() ? "adapter" : name, "\n\n",
      facts.merged ? absl::StrCat(BaseLink(base), " with a LoRA adapter merged into its weights")
                   : absl::StrCat("A LoRA adapter for ", BaseLink(base)),
      ", trained and exported by strata.",
      facts.has_template
          ? " Prompts are to be written by `chat_template.jinja`, as in training.\n\n"
          : "\n\n",
      Figures(facts), Use(facts, base), History(facts.metadata));
}

int64_t VllmMaxLoraRank(int64_t r) {
  for (const int64_t rank : {1, 8, 16, 32, 64, 128, 256, 320, 512}) {
    if (rank >= r) return rank;
  }
  return r;
}

}  // namespace strata
