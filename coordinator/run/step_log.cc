#include "coordinator/run/step_log.h"

#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/status_macros.h"

namespace strata {
namespace {

Json LineOf(const StepSeen& step) {
  return {{"stage", step.stage},
          {"dataset", step.dataset},
          {"epoch", step.epoch},
          {"step", step.step},
          {"loss", step.loss},
          {"learning_rate", step.learning_rate},
          {"grad_norm", step.grad_norm},
          {"tokens", step.tokens},
          {"supervised", step.supervised},
          {"seconds", step.seconds},
          {"reduce_seconds", step.reduce_seconds},
          {"skipped", step.skipped},
          {"ranks", step.ranks},
          {"device", step.device},
          {"attempt", step.attempt},
          {"time", step.time}};
}

// Its keys are not those of a step, so that nobody counts it as one.
Json LineOf(const EvaluationSeen& evaluation) {
  return {{"stage", evaluation.stage},          {"dataset", evaluation.dataset},
          {"epoch", evaluation.epoch},          {"step", evaluation.step},
          {"eval_loss", evaluation.loss},       {"eval_tokens", evaluation.tokens},
          {"eval_seconds", evaluation.seconds}, {"best", evaluation.best},
          {"ends_stage", evaluation.ends_stage}};
}

constexpr char kWhat[] = "steps.jsonl";
constexpr uint64_t kFileBytesMax = uint64_t{1} << 34;

// JSON has no word for what is not finite: null then.
double FigureOf(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_number() ? json[key].get<double>() : std::nan("");
}

template <typename Seen>
absl::Status ReadPlace(const Json& json, Seen* seen) {
  ASSIGN_OR_RETURN(seen->stage, JsonUint32(json, "stage", kWhat));
  ASSIGN_OR_RETURN(seen->epoch, JsonUint32(json, "epoch", kWhat));
  ASSIGN_OR_RETURN(seen->step, JsonUint32(json, "step", kWhat));
  ASSIGN_OR_RETURN(seen->dataset, JsonString(json, "dataset", kWhat));
  return absl::OkStatus();
}

absl::StatusOr<StepEvent> EventIn(const Json& json) {
  if (json.contains("eval_loss")) {
    EvaluationSeen seen;
    RETURN_IF_ERROR(ReadPlace(json, &seen));
    ASSIGN_OR_RETURN(const int64_t tokens, JsonInteger(json, "eval_tokens", kWhat));
    ASSIGN_OR_RETURN(seen.best, JsonBool(json, "best", kWhat));
    ASSIGN_OR_RETURN(seen.ends_stage, JsonBool(json, "ends_stage", kWhat));
    seen.loss = FigureOf(json, "eval_loss");
    seen.seconds = FigureOf(json, "eval_seconds");
    seen.tokens = static_cast<uint64_t>(tokens);
    return seen;
  }
  StepSeen seen;
  RETURN_IF_ERROR(ReadPlace(json, &seen));
  ASSIGN_OR_RETURN(const int64_t tokens, JsonInteger(json, "tokens", kWhat));
  ASSIGN_OR_RETURN(seen.skipped, JsonBool(json, "skipped", kWhat));
  ASSIGN_OR_RETURN(seen.attempt, JsonUint32(json, "attempt", kWhat));
  seen.loss = FigureOf(json, "loss");
  seen.learning_rate = FigureOf(json, "learning_rate");
  seen.grad_norm = FigureOf(json, "grad_norm");
  seen.seconds = FigureOf(json, "seconds");
  seen.reduce_seconds = FigureOf(json, "reduce_seconds");
  seen.time = FigureOf(json, "time");
  seen.tokens = static_cast<uint64_t>(tokens);
  // What an older strata wrote is without it.
  if (json.contains("supervised")) {
    ASSIGN_OR_RETURN(const int64_t supervised, JsonInteger(json, "supervised", kWhat));
    seen.supervised = static_cast<uint64_t>(supervised);
  }
  return seen;
}

// A kill may have torn the last line; what is appended must not be read as its end.
absl::Status CutTornLine(const std::filesystem::path& file) {
  const absl::StatusOr<std::string> text = ReadFile(file, kFileBytesMax);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  RETURN_IF_ERROR(text.status());
  const size_t whole = text->rfind('\n') + 1;  // npos + 1 is 0
  if (whole == text->size()) return absl::OkStatus();
  return FileSystem::Real()->TruncateDurably(file, whole);
}

}  // namespace

StepLog::StepLog(std::filesystem::path file, std::function<void(const StepSeen&)> on_step,
                 std::function<void(const EvaluationSeen&)> on_evaluation)
    : file_(std::move(file)),
      on_step_(std::move(on_step)),
      on_evaluation_(std::move(on_evaluation)) {
  if (!file_.empty()) {
    failure_ = CutTornLine(file_);
    out_.open(file_, std::ios::app);
  }
  thread_ = std::thread([this] { Tell(); });
}

StepLog::~StepLog() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void StepLog::Add(StepEvent seen) {
  {
    const std::lock_guard lock(mutex_);
    if (!file_.empty()) unwritten_.push_back(seen);
    untold_.push_back(std::move(seen));
  }
  wake_.notify_one();
}

void StepLog::Tell() {
  for (;;) {
    std::vector<StepEvent> added;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return closing_ || !untold_.empty(); });
      added = std::exchange(untold_, {});
    }
    Write();
    if (added.empty()) return;
    for (const StepEvent& seen : added) {
      if (const auto* step = std::get_if<StepSeen>(&seen); step != nullptr && on_step_)
        on_step_(*step);
      if (const auto* evaluation = std::get_if<EvaluationSeen>(&seen);
          evaluation != nullptr && on_evaluation_) {
        on_evaluation_(*evaluation);
      }
    }
  }
}

void StepLog::Write() {
  const std::lock_guard file_lock(file_mutex_);
  std::vector<StepEvent> added;
  {
    const std::lock_guard lock(mutex_);
    added = std::exchange(unwritten_, {});
  }
  if (added.empty() || !failure().ok()) return;
  for (const StepEvent& seen : added)
    out_ << DumpJson(std::visit([](const auto& one) { return LineOf(one); }, seen)) << "\n";
  out_.flush();
  if (out_) return;
  const std::lock_guard lock(mutex_);
  failure_ =
      absl::UnavailableError(absl::StrCat("cannot write ", file_.string(), "; is the disk full?"));
}

absl::Status StepLog::Sync() {
  Write();
  const std::lock_guard file_lock(file_mutex_);
  if (const absl::Status failed = failure(); file_.empty() || !failed.ok()) return failed;
  absl::Status synced = FileSystem::Real()->FsyncFile(file_);
  const std::lock_guard lock(mutex_);
  failure_ = synced;
  return synced;
}

absl::Status StepLog::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

absl::StatusOr<StepEvent> StepEventOf(std::string_view line) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(line, kWhat));
  return EventIn(json);
}

std::vector<StepEvent> ReadStepLog(const std::filesystem::path& file) {
  std::vector<StepEvent> events;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    absl::StatusOr<StepEvent> event = StepEventOf(line);
    if (event.ok()) events.push_back(*std::move(event));
  }
  return events;
}

}  // namespace strata
