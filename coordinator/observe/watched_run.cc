#include "coordinator/observe/watched_run.h"

#include <algorithm>
#include <cmath>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/run/run_journal.h"
#include "coordinator/run/step_log.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using SystemClock = std::chrono::system_clock;

constexpr uint64_t kPlanBytesMax = uint64_t{1} << 32;

// Of the files that a run goes on writing.
std::optional<SystemClock::time_point> ChangedLast(const fs::path& folder) {
  std::optional<SystemClock::time_point> last;
  for (const char* name : {"run.json", "journal.jsonl", "steps.jsonl"}) {
    const absl::StatusOr<SystemClock::time_point> changed = TimeOfChange(folder / name);
    if (changed.ok() && (!last || *changed > *last)) last = *changed;
  }
  return last;
}

SystemClock::time_point TimeOfLine(const std::string& time) {
  absl::Time parsed;
  std::string why;
  if (!absl::ParseTime(absl::RFC3339_full, time, &parsed, &why)) return {};
  // An older strata wrote the second only: what was told within it came before.
  const bool whole_second = time.find('.') == std::string::npos;
  return absl::ToChronoTime(parsed) + std::chrono::milliseconds(whole_second ? 999 : 0);
}

SystemClock::time_point TimeOf(double seconds) {
  if (!std::isfinite(seconds)) return {};
  return SystemClock::time_point(
      std::chrono::duration_cast<SystemClock::duration>(std::chrono::duration<double>(seconds)));
}

// The journal's chain of hashes is train's to judge.
absl::StatusOr<TimedNews> NewsOf(const std::string& line) {
  constexpr char kWhat[] = "a line of the journal";
  ASSIGN_OR_RETURN(const Json json, ParseJson(line, kWhat));
  LedgerEvent event;
  ASSIGN_OR_RETURN(event.kind, JsonString(json, "kind", kWhat));
  ASSIGN_OR_RETURN(event.time, JsonString(json, "time", kWhat));
  ASSIGN_OR_RETURN(const Json* body, JsonNested(json, "body", kWhat));
  event.body = *body;
  ASSIGN_OR_RETURN(JournalLine journaled, JournalLineOf(event));
  return TimedNews{TimeOfLine(event.time), std::move(journaled)};
}

}  // namespace

absl::StatusOr<fs::path> FolderToWatch(const fs::path& runs, const std::string& run) {
  std::optional<SystemClock::time_point> newest;
  fs::path found;
  std::error_code error;
  for (fs::directory_iterator at(runs, error), end; !error && at != end; at.increment(error)) {
    std::error_code missing;
    // A folder without it has not begun yet.
    if (!fs::exists(at->path() / "run.json", missing)) continue;
    if (!run.empty() && at->path().filename() != run) continue;
    const std::optional<SystemClock::time_point> changed = ChangedLast(at->path());
    if (!changed || (newest && *changed < *newest)) continue;
    newest = changed;
    found = at->path();
  }
  if (newest) return found;
  return absl::NotFoundError(
      run.empty() ? absl::StrCat("no run in ", runs.string(), " yet")
                  : absl::StrCat("no run ", run, " in ", runs.string(),
                                 "; its folders are the runs; without --run it is the last one"));
}

absl::StatusOr<WatchedRun> WatchedRun::Open(const fs::path& folder) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(folder / "plan.json", kPlanBytesMax));
  ASSIGN_OR_RETURN(const Json json, ParseJson(text, "plan.json"));
  ASSIGN_OR_RETURN(Plan plan, PlanFromJson(json));
  return WatchedRun(folder, std::move(plan));
}

WatchedRun::WatchedRun(fs::path folder, Plan plan)
    : folder_(std::move(folder)),
      plan_(std::move(plan)),
      journal_(folder_ / "journal.jsonl"),
      steps_(folder_ / "steps.jsonl") {}

std::vector<TimedNews> WatchedRun::Next() {
  // The journal first: the steps that a line of it knows of are in their file by then.
  std::vector<TimedNews> lines = NextLines();
  std::vector<TimedNews> news = NextSteps();
  std::move(lines.begin(), lines.end(), std::back_inserter(news));
  std::stable_sort(news.begin(), news.end(),
                   [](const TimedNews& a, const TimedNews& b) { return a.time < b.time; });
  return news;
}

std::vector<TimedNews> WatchedRun::NextLines() {
  std::vector<TimedNews> news;
  for (const std::string& line : journal_.Next()) {
    absl::StatusOr<TimedNews> told = NewsOf(line);
    if (told.ok()) news.push_back(*std::move(told));
  }
  return news;
}

std::vector<TimedNews> WatchedRun::NextSteps() {
  std::vector<TimedNews> news;
  for (const std::string& line : steps_.Next()) {
    absl::StatusOr<StepEvent> event = StepEventOf(line);
    if (!event.ok()) continue;
    const Position at = std::visit(
        [](const auto& seen) {
          return Position{seen.stage, seen.epoch, seen.step};
        },
        *event);
    if (at.stage >= plan_.stages.size()) continue;
    const std::vector<uint32_t>& steps = plan_.stages[at.stage].steps;
    if (at.epoch >= steps.size() || at.step >= steps[at.epoch]) continue;
    if (const auto* step = std::get_if<StepSeen>(&*event)) step_time_ = TimeOf(step->time);
    // An evaluation has no time of its own: it was told behind its step.
    std::visit([&](auto& seen) { news.push_back({step_time_, std::move(seen)}); }, *event);
  }
  return news;
}

absl::Status WatchedRun::StillTold() const {
  for (const fs::path& told_by : {folder_, folder_ / "journal.jsonl"}) {
    std::error_code error;
    if (fs::exists(told_by, error) || error) continue;
    return absl::NotFoundError(absl::StrCat(told_by.string(),
                                            " is not there, so the end of the run ",
                                            "can't be seen; strata status says what is current"));
  }
  return absl::OkStatus();
}

std::optional<SystemClock::time_point> WatchedRun::changed() const { return ChangedLast(folder_); }

}  // namespace strata
