// Reads the rotary embedding's settings of a config.json in both spellings met in the wild:
// rope_theta with rope_scaling (almost every published model), and rope_parameters (transformers 5,
// for some families nested by layer type). Part of config_json.h.
#pragma once

#include "absl/status/status.h"
#include "common/config_fields.h"
#include "common/model_config.h"
#include "common/model_family.h"

namespace strata {

// Fills rope and local_rope. FAILED_PRECONDITION naming the field for a kind of scaling that is not
// handled, DATA_LOSS for a value that can't be. REQUIRES: the sizes of `config` are read.
absl::Status ReadRope(const ConfigFields& fields, const ModelFamily& family, ModelConfig* config);

}  // namespace strata
