#include "coordinator/run/run_journal.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/json.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr char kWhat[] = "the run's journal";

constexpr std::pair<Verdict, const char*> kVerdicts[] = {{Verdict::kCompleted, "completed"},
                                                         {Verdict::kFailed, "failed"},
                                                         {Verdict::kInterrupted, "interrupted"}};

// As fine as the times of steps, which are read back among the lines.
std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

std::string NameOf(Verdict verdict) {
  for (const auto& [named, name] : kVerdicts) {
    if (named == verdict) return name;
  }
  return "";
}

// What a later strata may call by another name is not known.
std::optional<Verdict> VerdictOf(const std::string& name) {
  for (const auto& [verdict, known] : kVerdicts) {
    if (name == known) return verdict;
  }
  return std::nullopt;
}

Json BodyOf(const JournalLine& line) {
  Json body = {{"attempt", line.attempt.value()}, {"words", line.words}};
  if (line.stage) body["stage"] = *line.stage;
  if (line.adapter) body["adapter"] = line.adapter->Hex();
  if (line.end) {
    body["steps_kept"] = line.end->steps_kept;
    body["reason"] = line.end->reason;
  }
  if (line.data_error) body["data_error"] = *line.data_error;
  if (line.checkpoint) {
    const Position& next = line.checkpoint->next;
    body["next"] = {next.stage, next.epoch, next.step};
    body["state"] = line.checkpoint->state.Hex();
  }
  if (line.resumable) body["resumable"] = *line.resumable;
  if (line.verdict) body["verdict"] = NameOf(*line.verdict);
  return body;
}

absl::StatusOr<Checkpoint> CheckpointOf(const Json& body, AttemptId attempt) {
  ASSIGN_OR_RETURN(const Json* next, JsonNested(body, "next", kWhat));
  Checkpoint checkpoint;
  checkpoint.attempt = attempt;
  uint32_t* const numbers[] = {&checkpoint.next.stage, &checkpoint.next.epoch,
                               &checkpoint.next.step};
  if (!next->is_array() || next->size() != 3)
    return absl::DataLossError(absl::StrCat(kWhat, ": next is no place"));
  for (size_t i = 0; i < 3; ++i) {
    const Json& number = (*next)[i];
    if (!number.is_number_unsigned() || number.get<uint64_t>() > UINT32_MAX)
      return absl::DataLossError(absl::StrCat(kWhat, ": next is no place"));
    *numbers[i] = number.get<uint32_t>();
  }
  ASSIGN_OR_RETURN(const std::string state, JsonString(body, "state", kWhat));
  ASSIGN_OR_RETURN(checkpoint.state, DigestFromHex(state));
  return checkpoint;
}

}  // namespace

absl::StatusOr<JournalLine> JournalLineOf(const LedgerEvent& event) {
  const Json& body = event.body;
  JournalLine line;
  line.kind = event.kind;
  ASSIGN_OR_RETURN(line.words, JsonString(body, "words", kWhat));
  ASSIGN_OR_RETURN(const uint32_t attempt, JsonUint32(body, "attempt", kWhat));
  line.attempt = AttemptId(attempt);
  if (body.contains("stage")) {
    ASSIGN_OR_RETURN(line.stage, JsonUint32(body, "stage", kWhat));
  }
  if (body.contains("adapter")) {
    ASSIGN_OR_RETURN(const std::string adapter, JsonString(body, "adapter", kWhat));
    ASSIGN_OR_RETURN(line.adapter, DigestFromHex(adapter));
  }
  if (body.contains("steps_kept")) {
    StageEnd end;
    ASSIGN_OR_RETURN(end.steps_kept, JsonUint32(body, "steps_kept", kWhat));
    ASSIGN_OR_RETURN(end.reason, JsonString(body, "reason", kWhat));
    line.end = std::move(end);
  }
  if (body.contains("data_error")) {
    ASSIGN_OR_RETURN(line.data_error, JsonString(body, "data_error", kWhat));
  }
  if (body.contains("next")) {
    ASSIGN_OR_RETURN(line.checkpoint, CheckpointOf(body, line.attempt));
  }
  if (body.contains("resumable")) {
    ASSIGN_OR_RETURN(line.resumable, JsonBool(body, "resumable", kWhat));
  }
  if (body.contains("verdict")) {
    ASSIGN_OR_RETURN(const std::string verdict, JsonString(body, "verdict", kWhat));
    line.verdict = VerdictOf(verdict);
  }
  return line;
}

absl::StatusOr<RunJournal> RunJournal::Open(const std::filesystem::path& file) {
  RunJournal journal;
  ASSIGN_OR_RETURN(journal.ledger_, Ledger::Read(file));
  RETURN_IF_ERROR(journal.ledger_.damage());
  for (const LedgerEvent& event : journal.ledger_.events()) {
    ASSIGN_OR_RETURN(JournalLine line, JournalLineOf(event));
    journal.lines_.push_back(std::move(line));
  }
  return journal;
}

bool RunJournal::closed() const {
  return !lines_.empty() && lines_.back().resumable.has_value() && !*lines_.back().resumable;
}

std::vector<Checkpoint> RunJournal::Checkpoints() const {
  std::vector<Checkpoint> checkpoints;
  for (const JournalLine& line : lines_) {
    // What stood behind the one that is gone on from was damaged.
    if (line.kind == "damaged") {
      std::erase_if(checkpoints, [&](const Checkpoint& checkpoint) {
        return !line.checkpoint || checkpoint.next >= line.checkpoint->next;
      });
    }
    if (line.checkpoint) checkpoints.push_back(*line.checkpoint);
  }
  return checkpoints;
}

absl::Status RunJournal::Append(const JournalLine& line) {
  RETURN_IF_ERROR(
      ledger_.Append(FileSystem::Real(), line.kind, TimeText(absl::Now()), BodyOf(line)));
  lines_.push_back(line);
  return absl::OkStatus();
}

}  // namespace strata
