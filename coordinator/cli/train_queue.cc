#include "coordinator/cli/train_queue.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/status_macros.h"
#include "coordinator/cli/branch_folders.h"
#include "coordinator/cli/error_text.h"
#include "coordinator/cli/stage_view.h"
#include "coordinator/cli/terminal.h"
#include "coordinator/cli/text_table.h"
#include "coordinator/run/branch_search.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr char kNotBegun[] = "not begun";

// The loss of the last dataset that was trained.
std::string LossText(const TrainResult& result) {
  std::string text = "-";
  for (const StageResult& stage : result.stages)
    if (stage.trained() && stage.loss) text = absl::StrFormat("%.4f", *stage.loss);
  return text;
}

TableCell MarkOf(const BranchTraining& training, const Terminal& terminal) {
  if (training.code() == ExitCode::kTryAgain) return {"-", Style::kYellow};
  if (training.code() != ExitCode::kOk) return {terminal.Mark("✗", "x"), Style::kRed};
  if (training.result.nothing_pending) return {"-", Style::kDim};
  return {terminal.Mark("✓", "+"), Style::kGreen};
}

std::vector<TableCell> CellsOf(const BranchTraining& training, const Terminal& terminal) {
  const TrainResult& result = training.result;
  const bool made = result.version.value() != 0;
  return {MarkOf(training, terminal),
          {training.folder, Style::kBold},
          {training.did()},
          {made ? VersionName(result.version) : "-"},
          {made ? LossText(result) : "-"},
          {result.seconds > 0 ? DurationText(result.seconds) : "-"}};
}

}  // namespace

ExitCode CodeOf(const TrainResult& result) {
  if (result.status == "interrupted") return ExitCode::kTryAgain;
  if (result.status != "failed") return ExitCode::kOk;
  return result.data_at_fault ? ExitCode::kData : ExitCode::kUnavailable;
}

ExitCode BranchTraining::code() const {
  if (!begun) return ExitCode::kTryAgain;
  return error.ok() ? CodeOf(result) : ExitCodeOf(error);
}

std::string BranchTraining::did() const {
  if (!begun || absl::IsCancelled(error)) return kNotBegun;
  if (!error.ok()) return "failed";
  return result.nothing_pending ? "nothing pending" : result.status;
}

std::string BranchTraining::why() const {
  if (!begun) return "a stop was asked for before its turn";
  if (!error.ok()) return std::string(error.message());
  if (code() != ExitCode::kOk) return result.reason;
  for (const StageResult& stage : result.stages)
    if (!stage.trained()) return absl::StrCat(stage.dataset, ": ", stage.error);
  for (const SkippedDataset& skipped : result.skipped)
    if (skipped.is_error) return absl::StrCat(skipped.dataset, ": ", skipped.reason);
  return "";
}

absl::StatusOr<std::vector<std::string>> BranchesToTrain(const std::vector<std::string>& folders,
                                                         const std::string& root,
                                                         std::vector<std::string>* unreadable) {
  std::vector<std::string> branches;
  std::set<fs::path> seen;
  const auto add = [&](const std::string& folder) {
    std::error_code unknown;
    if (seen.insert(fs::weakly_canonical(folder, unknown) / "").second) branches.push_back(folder);
  };
  for (const std::string& folder : folders) add(folder);
  if (root.empty()) return branches;
  ASSIGN_OR_RETURN(const FoundBranches found, FindBranches(root));
  unreadable->insert(unreadable->end(), found.unreadable.begin(), found.unreadable.end());
  for (const fs::path& folder : found.branches) add(folder.string());
  if (!branches.empty()) return branches;
  return NoBranchAt(root);
}

std::vector<BranchTraining> TrainEach(const std::vector<std::string>& folders,
                                      const BranchTrainer& trainer, bool quiet) {
  std::vector<BranchTraining> trainings;
  for (const std::string& folder : folders) {
    BranchTraining& training = trainings.emplace_back();
    training.folder = folder;
    if (trainer.stopped()) continue;
    training.begun = true;
    if (!quiet) {
      std::printf("%s(%d of %d) %s\n", trainings.size() > 1 ? "\n" : "",
                  static_cast<int>(trainings.size()), static_cast<int>(folders.size()),
                  folder.c_str());
      std::fflush(stdout);
    }
    absl::StatusOr<TrainResult> result = trainer.train(folder);
    if (result.ok()) {
      training.result = *std::move(result);
      if (!quiet) trainer.print(training.result);
    } else {
      training.error = result.status();
      PrintError(std::string(training.error.message()));
    }
  }
  return trainings;
}

ExitCode CodeOf(const std::vector<BranchTraining>& trainings) {
  ExitCode first = ExitCode::kOk;
  for (const BranchTraining& training : trainings) {
    if (training.did() == kNotBegun || training.result.status == "interrupted")
      return ExitCode::kTryAgain;
    if (first == ExitCode::kOk) first = training.code();
  }
  return first;
}

void PrintSummary(const std::vector<BranchTraining>& trainings) {
  const Terminal terminal = Terminal::Of(fileno(stdout));
  TextTable table({{""},
                   {"branch", false, /*shrinks=*/true},
                   {"did"},
                   {"version"},
                   {"loss", true, false, /*leaves=*/2},
                   {"time", true, false, /*leaves=*/1}});
  size_t failed = 0;
  for (const BranchTraining& training : trainings) {
    table.AddRow(CellsOf(training, terminal));
    const bool well = training.code() == ExitCode::kOk;
    failed += !well;
    if (const std::string why = training.why(); !why.empty())
      table.AddNote(1, {why, well ? Style::kYellow : Style::kRed});
  }
  std::printf("\n%s", table.Render(terminal).c_str());
  if (failed == 0) return;
  std::printf("%s", Sentence(absl::StrCat(failed, " of ", trainings.size(), " branches",
                                          " did not end well; what is pending there is still so"),
                             Style::kYellow, terminal)
                        .c_str());
}

Json SummaryJson(const std::vector<BranchTraining>& trainings, const BranchTrainer& trainer) {
  Json json = {{"exit_code", static_cast<int>(CodeOf(trainings))}, {"branches", Json::array()}};
  for (const BranchTraining& training : trainings) {
    const bool ran = training.begun && training.error.ok();
    const std::string why = training.why();
    json["branches"].push_back({{"branch", training.folder},
                                {"status", training.did()},
                                {"exit_code", static_cast<int>(training.code())},
                                {"why", why.empty() ? Json() : Json(why)},
                                {"run", ran ? trainer.json(training.result) : Json()}});
  }
  return json;
}

}  // namespace strata
