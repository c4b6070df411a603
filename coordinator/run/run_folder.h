// Keeps what a run trains in the run's own folder, so that it depends on nothing that may change
// while it trains or until it is gone on with: plan, tokens, the examples' digests, settings.
//
// Durability: run.json is written last and names the digests of the others; a folder without it was
// never begun. Nothing in it is changed afterwards.
#pragma once

#include <deque>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/plan/plan.h"
#include "coordinator/run/preparation.h"
#include "coordinator/tokens/dataset_tokens.h"

namespace strata {

// branch.yaml's keys with the values in force.
using Settings = std::vector<std::pair<std::string, std::string>>;

struct RunMaterial {
  PlanRequest request;  // that the plan was made for
  Plan plan;
  std::string chat_template;
  Digest base_fingerprint;
  Settings settings;
  // Of each stage: what its dataset's examples are, in the order of the file; and their tokens.
  std::vector<std::vector<ExampleDigest>> contents;
  std::deque<DatasetTokens> tokens;
};

// What is to be kept besides the preparation.
struct RunTerms {
  PlanRequest request;
  Digest base_fingerprint;
  Settings settings;
};

// Makes the folder. UNAVAILABLE or RESOURCE_EXHAUSTED when it can't be written.
absl::Status WriteRunFolder(const std::filesystem::path& folder, const Preparation& preparation,
                            const RunTerms& terms);

// The settings that cut examples to length come from `config`. NOT_FOUND for a folder that was
// never begun, DATA_LOSS for one that was changed, FAILED_PRECONDITION for another format.
absl::StatusOr<RunMaterial> ReadRunFolder(const std::filesystem::path& folder,
                                          const Config& config);

}  // namespace strata
