#include "coordinator/cli/plan_table.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

constexpr uint32_t kFewUpdates = 10;  // below, warm-up and schedule hardly work

std::string Remarks(const StagePlan& stage) {
  std::string remarks;
  const auto add = [&](uint64_t count, const char* what) {
    if (count > 0) absl::StrAppend(&remarks, remarks.empty() ? "" : ", ", count, " ", what);
  };
  add(stage.bad_lines, "bad lines");
  add(stage.refused_too_long, "too long");
  add(stage.truncated, "cut to max_length");
  add(stage.refused_unsupervised, "without supervised tokens");
  add(stage.held_out, "held out");
  add(stage.already_trained, "trained before");
  add(stage.not_reached, "not reached within max_steps");
  add(stage.duplicates_within, "twice in the file");
  add(stage.duplicates_across, "also in earlier files");
  add(stage.known_elsewhere, "trained before from other files");
  if (stage.total_steps() < kFewUpdates) {
    absl::StrAppend(&remarks, remarks.empty() ? "" : ", ", "only ", stage.total_steps(),
                    " updates: lower global_batch_size");
  }
  return remarks;
}

}  // namespace

void PrintPlanTable(const Plan& plan) {
  size_t longest = 0;
  for (const StagePlan& stage : plan.stages) longest = std::max(longest, stage.dataset.size());
  for (const SkippedDataset& skipped : plan.skipped)
    longest = std::max(longest, skipped.dataset.size());
  const int width = static_cast<int>(longest);
  std::printf("%3s  %-14s %-*s  %8s %6s %9s %6s %7s\n", "", "tier", width, "dataset", "examples",
              "rows", "tokens", "steps", "updates");
  for (const StagePlan& stage : plan.stages) {
    std::printf("%3u  %-14s %-*s  %8zu %6llu %9llu %6u %7u\n", stage.index + 1,
                stage.tier.empty() ? "-" : stage.tier.c_str(), width, stage.dataset.c_str(),
                stage.examples.size(), static_cast<unsigned long long>(stage.rows[0]),
                static_cast<unsigned long long>(stage.tokens), stage.steps[0], stage.total_steps());
    if (const std::string remarks = Remarks(stage); !remarks.empty())
      std::printf("     %s\n", remarks.c_str());
  }
  for (const SkippedDataset& skipped : plan.skipped) {
    std::printf("  -  %-14s %-*s  %s\n", skipped.tier.empty() ? "-" : skipped.tier.c_str(), width,
                skipped.dataset.c_str(), skipped.reason.c_str());
  }
  if (!plan.stages.empty())
    std::printf("     rows, tokens and steps of one epoch; updates of all\n");
}

}  // namespace strata
