// Reads which layers attend within a sliding window: from layer_types, else by the family's rule.
// Part of config_json.h.
#pragma once

#include "absl/status/status.h"
#include "common/config_fields.h"
#include "common/model_config.h"
#include "common/model_family.h"

namespace strata {

// Fills `windows`. FAILED_PRECONDITION naming the field for another kind of layer or a window where
// the family has none, DATA_LOSS for a value that can't be. REQUIRES: the sizes of `config` are
// read.
absl::Status ReadWindows(const ConfigFields& fields, const ModelFamily& family,
                         ModelConfig* config);

}  // namespace strata
