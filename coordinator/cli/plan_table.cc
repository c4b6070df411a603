#include "coordinator/cli/plan_table.h"

#include <cstdio>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/counted.h"
#include "coordinator/cli/stage_view.h"
#include "coordinator/cli/text_table.h"
#include "coordinator/cli/text_width.h"

namespace strata {
namespace {

constexpr uint32_t kFewUpdates = 10;  // below, warm-up and schedule hardly work

std::string Remarks(const StagePlan& stage) {
  std::string remarks;
  const auto add = [&](uint64_t count, const char* what) {
    if (count > 0) absl::StrAppend(&remarks, remarks.empty() ? "" : ", ", count, " ", what);
  };
  add(stage.bad_lines, stage.bad_lines == 1 ? "bad line" : "bad lines");
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
    absl::StrAppend(&remarks, remarks.empty() ? "" : ", ", "only ",
                    Counted(stage.total_steps(), "update"), ": lower global_batch_size");
  }
  return remarks;
}

// A reason too long for a column goes below.
constexpr size_t kReasonColumns = 26;

void PrintStages(const Plan& plan, std::map<std::string, Style>* styles, const Terminal& terminal) {
  TextTable table({{"", /*right=*/true},
                   {"tier", false, /*shrinks=*/true},
                   {"dataset", false, /*shrinks=*/true},
                   {"examples", true},
                   {"rows", true, false, /*leaves=*/2},
                   {"tokens", true, false, /*leaves=*/1},
                   {"steps", true, false, /*leaves=*/3},
                   {"updates", true}});
  for (const StagePlan& stage : plan.stages) {
    const bool has_tier = !stage.tier.empty();
    table.AddRow({{absl::StrCat(stage.index + 1)},
                  {has_tier ? stage.tier : "-", has_tier ? (*styles)[stage.tier] : Style::kPlain},
                  {stage.dataset},
                  {absl::StrCat(stage.examples.size())},
                  {absl::StrCat(stage.rows[0])},
                  {absl::StrCat(stage.tokens)},
                  {absl::StrCat(stage.steps[0])},
                  {absl::StrCat(stage.total_steps())}});
    if (const std::string remarks = Remarks(stage); !remarks.empty())
      table.AddNote(1, {remarks, Style::kYellow});
  }
  table.AddNote(1, {"rows, tokens and steps of one epoch; updates of all", Style::kDim});
  std::printf("%s", table.Render(terminal).c_str());
}

void PrintSkipped(const Plan& plan, std::map<std::string, Style>* styles,
                  const Terminal& terminal) {
  TextTable table({{"", true}, {"", false, /*shrinks=*/true}, {"", false, true}, {""}});
  for (const SkippedDataset& skipped : plan.skipped) {
    const std::string mark = skipped.is_error ? terminal.Mark("✗", "x") : "-";
    const TableCell reason = {skipped.is_error ? "error: " + skipped.reason : skipped.reason,
                              skipped.is_error ? Style::kRed : Style::kDim};
    const bool beside = terminal.columns == 0 || DisplayWidth(reason.text) <= kReasonColumns;
    const bool has_tier = !skipped.tier.empty();
    table.AddRow(
        {{mark, skipped.is_error ? Style::kRed : Style::kPlain},
         {has_tier ? skipped.tier : "-", has_tier ? (*styles)[skipped.tier] : Style::kPlain},
         {skipped.dataset},
         beside ? reason : TableCell()});
    if (!beside) table.AddNote(1, reason);
  }
  std::printf("%s", table.Render(terminal).c_str());
}

}  // namespace

void PrintPlanTable(const Plan& plan, const Terminal& terminal) {
  std::vector<std::string> tiers;
  for (const StagePlan& stage : plan.stages) tiers.push_back(stage.tier);
  for (const SkippedDataset& skipped : plan.skipped) tiers.push_back(skipped.tier);
  std::map<std::string, Style> styles = TierStyles(tiers);
  if (!plan.stages.empty()) PrintStages(plan, &styles, terminal);
  if (!plan.skipped.empty()) PrintSkipped(plan, &styles, terminal);
}

}  // namespace strata
