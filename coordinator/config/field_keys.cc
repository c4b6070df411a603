#include "coordinator/config/field_keys.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/edit_distance.h"

namespace strata {
namespace {

struct Alias {
  std::string_view theirs;
  std::string_view advice;
};

constexpr Alias kAliases[] = {
    {"base_model", "use model_name_or_path"},
    {"cutoff_len", "use max_length"},
    {"lora_rank", "use lora_r"},
    {"lora_target", "use lora_target_modules"},
    {"lr_scheduler", "use lr_scheduler_type"},
    {"max_seq_length", "use max_length"},
    {"num_epochs", "use num_train_epochs"},
    {"per_device_train_batch_size", "use micro_batch_size"},
    {"sample_packing", "use packing"},
    {"sequence_len", "use max_length"},
    {"train_batch_size", "use global_batch_size"},
    {"train_on_inputs", "use completion_only_loss, its inverse"},
    {"val_size", "use val_set_size"},
};

constexpr std::string_view kUnsupported[] = {
    "assistant_only_loss",
    "bnb_4bit_quant_type",
    "bnb_4bit_use_double_quant",
    "chat_template",
    "early_stopping_patience",
    "eval_steps",
    "gradient_checkpointing",
    "init_lora_weights",
    "load_in_4bit",
    "loss_watchdog_patience",
    "loss_watchdog_threshold",
    "neftune_noise_alpha",
    "report_to",
    "save_steps",
    "use_rslora",
};

// Longer keys are nobody's slip of the finger; the bound keeps a hostile file cheap.
constexpr size_t kComparedBytesMax = 64;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::string NearestKey(std::string_view key, const std::vector<std::string>& known) {
  const std::string_view compared = key.substr(0, kComparedBytesMax);
  return *std::min_element(known.begin(), known.end(),
                           [&](const std::string& a, const std::string& b) {
                             return EditDistance(compared, a) < EditDistance(compared, b);
                           });
}

std::string UnusableKeyReason(std::string_view key, const std::vector<std::string>& known) {
  for (const Alias& alias : kAliases) {
    if (alias.theirs == key) return absl::StrCat("is not a key here: ", View(alias.advice));
  }
  if (std::find(std::begin(kUnsupported), std::end(kUnsupported), key) != std::end(kUnsupported)) {
    return "is known in the field, not supported by this version; remove it";
  }
  return absl::StrCat("is not a known key; the nearest is ", NearestKey(key, known));
}

}  // namespace strata
