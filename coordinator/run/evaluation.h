// Runs `strata evaluate`: the loss of an adapter over a file, by a worker of its own. Changes
// nothing.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/config/config.h"

namespace strata {

struct EvaluateRequest {
  std::filesystem::path data;       // a JSONL file of any of the shapes that training takes
  std::string adapter = "current";  // as AdapterNamed takes it
  std::function<void(const std::string&)> on_warning;  // of the adapter's folder, a sentence each
};

struct EvaluateResult {
  double loss = 0;      // mean NLL over supervised tokens, in nats
  uint64_t tokens = 0;  // supervised
  uint64_t examples = 0;
  uint64_t bad_lines = 0, refused = 0;
};

// INVALID_ARGUMENT for an adapter that does not exist; what ReadAdapterFolder and CheckFits say of
// a folder's that is not what this branch would train; OUT_OF_RANGE when no line of the file can be
// evaluated.
absl::StatusOr<EvaluateResult> Evaluate(const Config& config, const EvaluateRequest& request);

}  // namespace strata
