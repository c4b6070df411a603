#include "coordinator/config/field_keys.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

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

// Optimal string alignment distance, in three rolling rows.
size_t Distance(std::string_view a, std::string_view b) {
  std::array<std::array<size_t, kComparedBytesMax + 1>, 3> rows{};
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    const auto& above = rows[(i - 1) % 3];
    const auto& two_above = rows[(i + 1) % 3];
    auto& row = rows[i % 3];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], two_above[j - 2] + 1);
    }
  }
  return rows[a.size() % 3][b.size()];
}

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::string NearestKey(std::string_view key, const std::vector<std::string>& known) {
  const std::string_view compared = key.substr(0, kComparedBytesMax);
  return *std::min_element(known.begin(), known.end(),
                           [&](const std::string& a, const std::string& b) {
                             return Distance(compared, a) < Distance(compared, b);
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
