// watch: follows a run from another terminal or another machine, by its folder alone.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/counted.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/error_text.h"
#include "coordinator/cli/progress.h"
#include "coordinator/cli/text_table.h"
#include "coordinator/cli/text_width.h"
#include "coordinator/observe/run_figures.h"
#include "coordinator/observe/watched_run.h"

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookEvery{500};
constexpr std::chrono::seconds kJsonEvery{1};
constexpr double kLongSeconds = 60;  // without a word from the run
constexpr char kLongQuiet[] =
    ": a long step, or the run is dead; worker.log beside its journal may tell";

struct WatchOptions {
  BranchOptions branch;
  std::string run;
  bool once = false;
};

ExitCode CodeOf(const std::string& state) {
  if (state == "interrupted") return ExitCode::kTryAgain;
  return state == "failed" ? ExitCode::kUnavailable : ExitCode::kOk;
}

// One run, watched to its end.
class Watching {
 public:
  Watching(WatchedRun run, const WatchOptions& options)
      : run_(std::move(run)),
        options_(options),
        tally_(run_.plan(), std::nullopt),
        progress_(/*quiet=*/options.branch.json || options.once) {}

  ExitCode Once();
  // NOT_FOUND when its end would never be seen.
  absl::StatusOr<ExitCode> ToTheEnd();

 private:
  const RunFigures& figures() const { return tally_.figures(); }
  // True when there was something new.
  bool Look();
  void Show(const RunNews& news);
  // What the run's journal says, where people should know it.
  void ShowLine(const JournalLine& line);
  void Say(const std::string& sentence, Style style);
  void ShowJson();
  void ShowFigures() const;
  void ShowEnd();
  // NOT_FOUND once the files that would tell it are lost.
  absl::Status LookForEnd();
  // Says so when nothing has been written for long, each time for twice as long.
  void NoticeQuiet();
  double QuietSeconds() const;

  WatchedRun run_;
  const WatchOptions& options_;
  RunTally tally_;
  Progress progress_;
  double quiet_said_ = kLongSeconds / 2;
};

bool Watching::Look() {
  const std::vector<TimedNews> news = run_.Next();
  for (const TimedNews& one : news) {
    tally_.Take(one);
    Show(one.news);
  }
  return !news.empty();
}

void Watching::Show(const RunNews& news) {
  if (options_.branch.json || options_.once) return;
  if (const auto* step = std::get_if<StepSeen>(&news)) progress_.OnStep(*step);
  if (const auto* seen = std::get_if<EvaluationSeen>(&news)) progress_.OnEvaluation(*seen);
  if (const auto* line = std::get_if<JournalLine>(&news)) ShowLine(*line);
}

void Watching::ShowLine(const JournalLine& line) {
  if (line.kind == "attempt") {
    Say(absl::StrCat("attempt ", line.attempt.value(), ": ", line.words), Style::kDim);
  } else if (line.kind == "lost" || line.kind == "damaged" || line.kind == "straggler") {
    Say(absl::StrCat(line.kind, ": ", line.words), Style::kYellow);
  } else if (line.kind == "stop") {
    Say("a stop was asked for", Style::kYellow);
  } else if (line.data_error) {
    Say(absl::StrCat("error: ", line.words), Style::kRed);
  }
}

void Watching::Say(const std::string& sentence, Style style) {
  progress_.MakeRoom();
  std::printf("%s", Sentence(Printable(sentence), style, Terminal::Of(fileno(stdout))).c_str());
  std::fflush(stdout);
}

double Watching::QuietSeconds() const {
  const auto changed = run_.changed();
  if (!changed) return 0;
  const auto since = std::chrono::system_clock::now() - *changed;
  return std::max(0.0, std::chrono::duration<double>(since).count());
}

void Watching::NoticeQuiet() {
  const double quiet = QuietSeconds();
  if (quiet < kLongSeconds) quiet_said_ = kLongSeconds / 2;
  if (quiet < 2 * quiet_said_) return;
  quiet_said_ = quiet;
  if (options_.branch.json) return ShowJson();
  Say(absl::StrCat("nothing has been written for ", DurationText(quiet), kLongQuiet),
      Style::kYellow);
}

absl::Status Watching::LookForEnd() {
  // Between run.json and the first line of its journal a run reads all that it was begun with.
  const double patience = (figures().attempt > 0 ? 1 : 10) * kLongSeconds;
  if (run_.changed() && QuietSeconds() < patience) return absl::OkStatus();
  absl::Status lost = run_.StillTold();
  if (!lost.ok()) progress_.End();
  return lost;
}

void Watching::ShowJson() {
  Json json = {{"run", run_.folder().filename().string()}};
  json.update(FiguresJson(figures()));
  json["quiet_seconds"] = QuietSeconds();
  std::printf("%s\n", DumpJson(json).c_str());
  std::fflush(stdout);
}

void Watching::ShowFigures() const {
  const RunFigures& now = figures();
  std::printf("run %s: %s, attempt %u, %s\n", run_.folder().filename().c_str(), now.state.c_str(),
              now.attempt, Counted(static_cast<uint64_t>(now.ranks), "rank").c_str());
  std::printf("update %llu/%llu", static_cast<unsigned long long>(now.steps_done),
              static_cast<unsigned long long>(now.steps_planned));
  if (now.stage > 0) {
    std::printf(", stage %u/%u %s, epoch %u/%zu, loss %.4f", now.stage, now.stages,
                Printable(now.dataset).c_str(), now.epoch,
                run_.plan().stages[now.stage - 1].steps.size(), now.loss);
  }
  if (std::isfinite(now.tokens_per_second)) std::printf(", %.0f tokens/s", now.tokens_per_second);
  const double quiet = QuietSeconds();
  std::printf("\nlast written %s ago%s\n", DurationText(quiet).c_str(),
              quiet < kLongSeconds || now.ended() ? "" : kLongQuiet);
  if (!now.reason.empty()) std::printf("%s\n", Printable(now.reason).c_str());
}

void Watching::ShowEnd() {
  progress_.End();
  const std::string end =
      absl::StrCat("run ", run_.folder().filename().string(), " ", figures().state,
                   figures().reason.empty() ? "" : ": ", figures().reason);
  const std::string& state = figures().state;
  Say(end, state == "completed" ? Style::kGreen : state == "failed" ? Style::kRed : Style::kYellow);
}

ExitCode Watching::Once() {
  Look();
  options_.branch.json ? ShowJson() : ShowFigures();
  return figures().ended() ? CodeOf(figures().state) : ExitCode::kOk;
}

absl::StatusOr<ExitCode> Watching::ToTheEnd() {
  progress_.Follow(run_.plan());
  if (!options_.branch.json) {
    Say(absl::StrCat("run ", run_.folder().filename().string(), ": ",
                     Counted(run_.plan().stages.size(), "stage"), ", ",
                     Counted(figures().steps_planned, "update")),
        Style::kBold);
  }
  bool unshown = false;
  for (Clock::time_point shown{};;) {
    unshown |= Look();
    const bool ended = figures().ended();
    // A step may be on its way to the file behind the last line of the journal.
    if (ended) std::this_thread::sleep_for(kLookEvery);
    if (ended) Look();
    if (options_.branch.json && unshown && (ended || Clock::now() - shown >= kJsonEvery)) {
      ShowJson();
      shown = Clock::now();
      unshown = false;
    }
    if (ended) break;
    RETURN_IF_ERROR(LookForEnd());
    NoticeQuiet();
    std::this_thread::sleep_for(kLookEvery);
  }
  if (!options_.branch.json) ShowEnd();
  return CodeOf(figures().state);
}

// Waits for a run to begin, unless only a look was asked for, or one by its name.
absl::StatusOr<WatchedRun> RunToWatch(const Config& config, const WatchOptions& options) {
  for (bool said = false;;) {
    const absl::StatusOr<std::filesystem::path> folder =
        FolderToWatch(config.RunsDir(), options.run);
    if (folder.ok()) return WatchedRun::Open(*folder);
    if (!absl::IsNotFound(folder.status()) || options.once || !options.run.empty())
      return folder.status();
    if (!said) PrintWarning(absl::StrCat(folder.status().message(), "; waiting for it to begin"));
    said = true;
    std::this_thread::sleep_for(kLookEvery);
  }
}

absl::StatusOr<ExitCode> RunWatch(const WatchOptions& options) {
  ASSIGN_OR_RETURN(const Config config, options.branch.Load());
  ASSIGN_OR_RETURN(WatchedRun run, RunToWatch(config, options));
  Watching watching(std::move(run), options);
  if (options.once) return watching.Once();
  return watching.ToTheEnd();
}

}  // namespace

void AddWatch(CLI::App* app, Action* action) {
  auto options = std::make_shared<WatchOptions>();
  CLI::App* command = app->add_subcommand(
      "watch",
      "Follow the run that goes on, or the last one, from another terminal or another machine, to "
      "its end; holds nothing up. Ends with its exit code: 0 done, 69 failed or its "
      "files are gone, 75 interrupted");
  AddBranchOptions(command, &options->branch);
  command->add_option("--run", options->run, "This run, by its folder's name in runs/")
      ->type_name(kRunValue);
  command->add_flag("--once", options->once, "Say how it stands now, and end");
  command->callback([=] { *action = [=] { return RunWatch(*options); }; });
}

}  // namespace strata
