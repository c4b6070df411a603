#include "coordinator/config/field_keys.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/edit_distance.h"

namespace strata {
namespace {

constexpr Alias kAliases[] = {
    {"base_model", "model_name_or_path"},
    {"cosine_min_lr_ratio", "min_lr_rate"},
    {"cutoff_len", "max_length"},
    {"lora_rank", "lora_r"},
    {"lora_target", "lora_target_modules"},
    {"lr_scheduler", "lr_scheduler_type"},
    {"max_seq_length", "max_length"},
    {"min_lr_ratio", "min_lr_rate"},
    {"num_epochs", "num_train_epochs"},
    {"per_device_train_batch_size", "micro_batch_size"},
    {"sample_packing", "packing"},
    {"sequence_len", "max_length"},
    {"train_batch_size", "global_batch_size"},
    {"train_on_inputs", "completion_only_loss", /*inverse=*/true},
    {"val_size", "val_set_size"},
};

constexpr std::string_view kUnsupported[] = {
    "bnb_4bit_quant_type",
    "bnb_4bit_use_double_quant",
    "init_lora_weights",
    "load_in_4bit",
};

// Longer keys are nobody's slip of the finger; the bound keeps a hostile file cheap.
constexpr size_t kComparedBytesMax = 64;
// More slips than one in so many bytes, and another word was meant.
constexpr size_t kBytesPerEdit = 3;
constexpr size_t kPartBytesMin = 4;  // of a key that is only a part of one of ours

}  // namespace

const Alias* AliasOf(std::string_view key) {
  const auto* at = std::find_if(std::begin(kAliases), std::end(kAliases),
                                [&](const Alias& alias) { return alias.theirs == key; });
  return at == std::end(kAliases) ? nullptr : at;
}

std::vector<Alias> Aliases() { return {std::begin(kAliases), std::end(kAliases)}; }

std::string NearestKey(std::string_view key, const std::vector<std::string>& known) {
  const std::string_view compared = key.substr(0, kComparedBytesMax);
  return *std::min_element(known.begin(), known.end(),
                           [&](const std::string& a, const std::string& b) {
                             return EditDistance(compared, a) < EditDistance(compared, b);
                           });
}

std::string MeantKey(std::string_view key, const std::vector<std::string>& known) {
  std::string nearest = NearestKey(key, known);
  const size_t edits = EditDistance(key.substr(0, kComparedBytesMax), nearest);
  if (key.size() <= kComparedBytesMax && edits * kBytesPerEdit <= std::max(key.size(), size_t{3}))
    return nearest;
  const auto holds = [&](const std::string& one) {
    return key.size() >= kPartBytesMin && one.find(key) != std::string::npos;
  };
  const auto at = std::find_if(known.begin(), known.end(), holds);
  return at == known.end() ? "" : *at;
}

std::string UnusableKeyReason(std::string_view key, const std::vector<std::string>& known) {
  if (std::find(std::begin(kUnsupported), std::end(kUnsupported), key) != std::end(kUnsupported)) {
    return "is known in the field, not supported by this version; remove it";
  }
  const std::string meant = MeantKey(key, known);
  return absl::StrCat("is not a known key; ", meant.empty()
                                                  ? "strata config lists those that are"
                                                  : absl::StrCat("the nearest is ", meant));
}

}  // namespace strata
