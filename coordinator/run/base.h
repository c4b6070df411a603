// Opens a branch's base model as the coordinator needs it: its shapes, its identity, what is
// computed in. Takes a Config, gives plan and workers their Base. Reads headers of weights, never
// the weights themselves, but for the fingerprint.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/adapter_layout.h"
#include "common/ids.h"
#include "common/model_config.h"
#include "common/sha256.h"
#include "coordinator/config/config.h"
#include "coordinator/store/branch_store.h"

namespace strata {

// The base model, checked against what the branch asks of it.
struct Base {
  ModelConfig model;
  std::vector<std::string> target_modules;  // what lora_target_modules means on this model
  AdapterLayout layout;
  Digest fingerprint;    // of config and weights
  Digest config_sha256;  // of config.json alone: what each worker compares
  // What is computed in: config.dtype, else "bfloat16" for a bfloat16 base and "float32" for
  // others: float16 bases are computed in float32, for bfloat16 would cut their weights short.
  std::string dtype;
};

// NOT_FOUND, FAILED_PRECONDITION or DATA_LOSS with what is wrong with the base or with the branch's
// wishes of it.
absl::StatusOr<Base> OpenBase(const Config& config);

// That `version` continues on this base with these settings: its numbers mean alpha / r · B·A on
// the base and the projections that it was trained on. FAILED_PRECONDITION with both values when
// they differ.
absl::Status CheckContinues(const Config& config, const Base& base, const BranchStore& store,
                            Version version);
// The same of a version in whichever folder BranchStore::Find has found it whole.
absl::Status CheckContinues(const Config& config, const Base& base, const BranchStore& store,
                            const StoredVersion& stored);

}  // namespace strata
