#include "tests/coordinator/core/scenario.h"

#include <cstdlib>
#include <map>
#include <sstream>
#include <vector>

#include "coordinator/core/run_core.h"

namespace strata {
namespace {

struct Words {
  std::vector<std::string> plain;
  std::map<std::string, std::string> named;  // "attempt=1"
  std::string at(size_t i) const { return i < plain.size() ? plain[i] : ""; }
  int number(size_t i) const { return std::atoi(at(i).c_str()); }
  bool has(const std::string& name) const { return named.count(name) != 0; }
};

Words WordsOf(const std::string& line) {
  Words words;
  std::istringstream stream(line);
  for (std::string word; stream >> word;) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) {
      words.plain.push_back(word);
    } else {
      words.named[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  return words;
}

std::vector<std::string> Split(const std::string& text, char mark) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, mark);) parts.push_back(part);
  return parts;
}

RunSpec SpecOf(const Words& words) {
  RunSpec spec;
  spec.world = std::atoi(words.named.at("world").c_str());
  const std::string steps = words.has("steps") ? words.named.at("steps") : "";
  for (const std::string& stage : Split(steps, ';')) {
    spec.stages.emplace_back();
    for (const std::string& epoch : Split(stage, ','))
      spec.stages.back().push_back(static_cast<uint32_t>(std::atoi(epoch.c_str())));
  }
  if (words.has("restarts"))
    spec.restarts_max = static_cast<uint32_t>(std::stoi(words.named.at("restarts")));
  if (words.has("least")) spec.world_min = std::stoi(words.named.at("least"));
  if (words.has("hang")) spec.headway_max = Millis(std::stoll(words.named.at("hang")));
  if (words.has("backoff")) spec.backoff_max = Millis(std::stoll(words.named.at("backoff")));
  for (const std::string& word : words.plain) {
    spec.stop_on_dataset_error |= word == "stop_on_error";
    if (word == "evaluation") spec.purpose = Purpose::kEvaluate;
    if (word == "generation") spec.purpose = Purpose::kGenerate;
  }
  return spec;
}

Position PositionOf(const std::string& text) {
  std::vector<uint32_t> numbers(3, 0);
  size_t i = 0;
  for (const std::string& part : Split(text, '.'))
    if (i < 3) numbers[i++] = static_cast<uint32_t>(std::atoi(part.c_str()));
  return {numbers[0], numbers[1], numbers[2]};
}

RankProgress ProgressOf(const Words& words) {
  const auto number = [&](const char* name) {
    return words.has(name) ? static_cast<uint64_t>(std::stoull(words.named.at(name))) : 0;
  };
  return {number("headway"), number("waits") > 0, number("sums"),
          Millis(static_cast<int64_t>(number("busy")))};
}

Event EventOf(const Words& words) {
  const std::string verb = words.at(0);
  const auto attempt =
      static_cast<uint32_t>(words.has("attempt") ? std::stoi(words.named.at("attempt")) : 1);
  const Caller caller{AttemptId(attempt), Rank(words.number(1)), words.at(2)};
  if (verb == "start") return Started{};
  if (verb == "stop") return StopAsked{};
  if (verb == "journal-failed") return JournalFailed{words.at(1)};
  if (verb == "log-failed") return JournalFailed{words.at(1), /*decision=*/false};
  if (verb == "committed") return CommitEnded{true, words.at(1)};
  if (verb == "commit-failed") return CommitEnded{false, words.at(1)};
  if (verb == "commit-refused") return CommitEnded{false, words.at(1), /*permanent=*/true};
  if (verb == "exit") {
    return GroupExited{AttemptId(static_cast<uint32_t>(words.number(1))), words.at(2), false};
  }
  if (verb == "join") {
    const std::vector<std::string> rank = Split(words.at(1), '/');
    return Joined{caller,
                  std::atoi(rank.at(1).c_str()),
                  {"host" + rank.at(0), "cpu"},
                  words.has("launch") ? words.named.at("launch") : ""};
  }
  if (verb == "beat") return Heartbeat{caller, {}, ProgressOf(words)};
  if (verb == "damaged") {
    CheckpointDamaged damaged{words.at(1), std::nullopt};
    if (words.has("instead"))
      damaged.instead =
          Checkpoint{PositionOf(words.named.at("instead")), AttemptId(1), Sha256Of(words.at(2))};
    return damaged;
  }
  if (verb == "saved")
    return CheckpointTaken{caller, PositionOf(words.at(3)), Sha256Of(words.at(4))};
  if (verb == "step") return StepDone{caller, PositionOf(words.at(3))};
  if (verb == "held-out") return EvaluationDone{caller, PositionOf(words.at(3))};
  if (verb == "candidate") return CandidateArrived{caller, Sha256Of(words.at(3))};
  if (verb == "evaluation") return ResultArrived{caller, Purpose::kEvaluate};
  if (verb == "generation") return ResultArrived{caller, Purpose::kGenerate};
  if (verb == "fail") return RankFailed{caller, words.at(3), words.at(4) == "permanent"};
  if (verb == "stage") {
    StageFinished finished{
        caller, static_cast<uint32_t>(words.number(3)), {}, Sha256Of(words.at(4))};
    if (words.has("error")) finished.data_error = words.named.at("error");
    if (words.has("kept"))
      finished.end.steps_kept = static_cast<uint32_t>(std::stoi(words.named.at("kept")));
    if (words.has("reason")) finished.end.reason = words.named.at("reason");
    return finished;
  }
  return Tick{};
}

std::string Short(std::string text) {
  for (const char* word : {"A", "B", "C"}) {
    const size_t at = text.find(Sha256Of(word).Hex());
    if (at != std::string::npos) text.replace(at, 64, word);
  }
  return text;
}

std::string Told(const RunState& state, const Effects& effects) {
  const char* const phases[] = {"idle",    "joining", "training", "committing",
                                "leaving", "waiting", "ended"};
  const char* const answers[] = {"ok", "stop", "aborted", "invalid"};
  const char* const verdicts[] = {"completed", "failed", "interrupted"};
  std::ostringstream out;
  out << "  " << phases[static_cast<int>(state.phase)] << ", "
      << answers[static_cast<int>(effects.answer)];
  if (!effects.why.empty() && !effects.verdict) out << ": " << effects.why;
  out << "\n";
  for (const JournalLine& line : effects.journal) {
    out << "  | " << line.kind;
    if (line.stage) out << " " << *line.stage;
    out << ": " << line.words;
    if (line.adapter) out << " " << Short(line.adapter->Hex());
    if (line.checkpoint) out << " " << Short(line.checkpoint->state.Hex());
    if (line.resumable && *line.resumable) out << " (resumable)";
    out << "\n";
  }
  if (effects.launch) out << "  launch attempt " << *effects.launch << "\n";
  if (effects.record_step) out << "  record the step\n";
  if (effects.record_evaluation) out << "  record the evaluation\n";
  if (effects.checkpoint) out << "  the checkpoint counts\n";
  if (effects.commit) out << "  commit\n";
  if (effects.end_group) out << "  end the group\n";
  if (effects.verdict) out << "  " << verdicts[static_cast<int>(*effects.verdict)] << "\n";
  return out.str();
}

// The journal as the next coordinator finds it: of some checkpoints ("1.0.0@2", with their attempt)
// the files are gone.
std::vector<JournalLine> Found(std::vector<JournalLine> journal, const std::string& gone) {
  for (const std::string& checkpoint : Split(gone, ',')) {
    const std::vector<std::string> parts = Split(checkpoint, '@');
    for (JournalLine& line : journal) {
      if (line.checkpoint && line.checkpoint->next == PositionOf(parts.at(0)) &&
          line.checkpoint->attempt.value() == std::stoul(parts.at(1)))
        line.checkpoint.reset();
    }
  }
  return journal;
}

}  // namespace

std::string Play(const std::string& scenario) {
  std::istringstream lines(scenario);
  std::ostringstream out;
  RunState state;
  Millis now{0};
  std::vector<JournalLine> journal;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == ' ') continue;
    out << line << "\n";
    const Words words = WordsOf(line);
    if (words.at(0) == "run") {
      state = NewRun(SpecOf(words));
      continue;
    }
    if (words.at(0) == "crash") {
      state = Resumed(state.spec,
                      Found(journal, words.has("without") ? words.named.at("without") : ""));
      continue;
    }
    if (words.at(0) == "unkept") {
      for (int i = words.number(1); i > 0 && !journal.empty(); --i) journal.pop_back();
      continue;
    }
    if (words.at(0) == "at") {
      now = Millis(words.number(1));
      continue;
    }
    if (words.at(0) == "tick") now = Millis(words.number(1));
    const Effects effects = Step(state, EventOf(words), now);
    journal.insert(journal.end(), effects.journal.begin(), effects.journal.end());
    out << Told(state, effects);
  }
  return out.str();
}

}  // namespace strata
