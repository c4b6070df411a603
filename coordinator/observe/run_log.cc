#include "coordinator/observe/run_log.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace strata {
namespace {

LogLine LineOf(const JournalLine& line, const std::vector<std::string>& stage_names) {
  LogLine said{.event = line.kind, .words = line.words};
  const bool failed = line.data_error.has_value() || line.verdict == Verdict::kFailed;
  const bool bad = line.kind == "lost" || line.kind == "damaged" || line.kind == "straggler";
  if (bad) said.level = LogLevel::kWarning;
  if (failed) said.level = LogLevel::kError;
  if (line.kind == "attempt") said.words = absl::StrCat("launched ", line.words);
  if (line.kind == "checkpoint") said.words = absl::StrCat("before ", line.words);
  if (line.stage && *line.stage < stage_names.size())
    said.words =
        absl::StrCat("stage ", *line.stage, ", ", stage_names[*line.stage], ": ", line.words);
  return said;
}

std::optional<LogLine> LineOf(const RunNews& news, const std::vector<std::string>& stage_names) {
  if (const auto* line = std::get_if<JournalLine>(&news)) return LineOf(*line, stage_names);
  if (const auto* seen = std::get_if<EvaluationSeen>(&news)) {
    return LogLine{.event = "evaluation",
                   .words = absl::StrFormat("held-out loss %.4f after %s%s", seen->loss,
                                            PlaceText({seen->stage, seen->epoch, seen->step}),
                                            seen->ends_stage ? "; the stage ends early" : "")};
  }
  if (const auto* commit = std::get_if<CommitSeen>(&news)) {
    return LogLine{.event = "commit",
                   .words = absl::StrCat(
                       VersionName(commit->version),
                       commit->parked ? " is parked: current moved on meanwhile" : " is current")};
  }
  if (const auto* warning = std::get_if<WarningSeen>(&news))
    return LogLine{.level = LogLevel::kWarning, .event = "warning", .words = warning->words};
  if (const auto* end = std::get_if<RunEndSeen>(&news)) {
    return LogLine{.level = end->status == "failed" ? LogLevel::kError : LogLevel::kInfo,
                   .event = end->status,
                   .words = end->reason};
  }
  return std::nullopt;
}

}  // namespace

std::optional<LogLine> LogLineOf(const TimedNews& news,
                                 const std::vector<std::string>& stage_names) {
  std::optional<LogLine> line = LineOf(news.news, stage_names);
  if (line) line->time = news.time;
  return line;
}

RunLog::RunLog(const std::filesystem::path& file, std::string run, LogFormat format,
               const Plan& plan)
    : file_(file), run_(std::move(run)), format_(format), out_(file, std::ios::app) {
  for (const StagePlan& stage : plan.stages) stage_names_.push_back(stage.dataset);
}

void RunLog::Say(std::chrono::system_clock::time_point time, const std::string& event,
                 const std::string& words) {
  Write({.time = time, .event = event, .words = words});
}

void RunLog::Take(const TimedNews& news) {
  if (const auto* line = std::get_if<JournalLine>(&news.news)) attempt_ = line->attempt.value();
  if (std::optional<LogLine> line = LogLineOf(news, stage_names_)) Write(*std::move(line));
}

void RunLog::Write(LogLine line) {
  line.run = run_;
  line.attempt = attempt_;
  out_ << LogText(line, format_);
}

absl::Status RunLog::Flush() {
  out_.flush();
  if (out_) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot write ", file_.string()));
}

}  // namespace strata
