// Reads an adapter from a folder that this branch need not have made, as PEFT writes it: for
// `strata import` and whatever takes `--adapter DIR`. Takes the folder and the base's shapes, gives
// the adapter in the branch's own terms: flat fp32 values, a plain LoRA alpha, the names of the
// projections it sits on.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/adapter_layout.h"
#include "common/huggingface/peft_config.h"
#include "common/sha256.h"
#include "coordinator/config/config.h"

namespace strata {

struct AdapterFolder {
  std::filesystem::path folder;
  PeftConfig peft;                          // as its adapter_config.json has it
  std::vector<std::string> target_modules;  // by its tensors, in the order of ProjectionsOf
  AdapterLayout layout;                     // of `peft.r` and `target_modules` on this base
  std::vector<float> values;                // flat, as `layout` says
  std::string dtype;                        // "F32", "BF16", "F16", or "mixed": as on disk
  Digest file_sha256;                       // of adapter_model.safetensors
};

// The adapter of adapter_config.json and adapter_model.safetensors. Tensors may be in fp32, bf16 or
// fp16 and may have PEFT's `.default` in their names. Its values are not judged.
// INVALID_ARGUMENT when it is not plain LoRA (ReadPeftConfig) or was made for another base: with
// the tensors that are missing, beyond the base, or of another shape. NOT_FOUND or DATA_LOSS when a
// file is missing or not whole; pickled tensors (adapter_model.bin) are not read, the message says
// how to convert them.
absl::StatusOr<AdapterFolder> ReadAdapterFolder(const std::filesystem::path& folder,
                                                const ModelConfig& model,
                                                const std::string& base_model_name);

// That branch.yaml asks for this adapter's rank, scale and projections, `target_modules` being what
// its lora_target_modules mean on the base. FAILED_PRECONDITION with both values of each that
// differs and the lines to put into branch.yaml.
absl::Status CheckFits(const AdapterFolder& adapter, const Config& config,
                       const std::vector<std::string>& target_modules);

// DATA_LOSS, with what to do, unless its values are what a commit takes: finite, and not all of B
// zero.
absl::Status CheckTrained(const AdapterFolder& adapter);

// What is no error, but the user should know, in sentences.
std::vector<std::string> WarningsOf(const AdapterFolder& adapter, const Config& config);

}  // namespace strata
