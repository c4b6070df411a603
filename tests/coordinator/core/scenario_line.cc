#include "tests/coordinator/core/scenario_line.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

std::string Word(std::string text) {
  std::replace(text.begin(), text.end(), ' ', '-');
  return text;
}

std::string Word(const Digest& digest) { return digest.Hex().substr(0, 10); }

std::string By(const char* verb, const Caller& caller) {
  return absl::StrCat(verb, " ", caller.rank.value(), " ", caller.incarnation);
}

std::string Of(const Caller& caller) { return absl::StrCat(" attempt=", caller.attempt.value()); }

struct Writer {
  Millis now;

  std::string operator()(const Started&) const { return "start"; }
  std::string operator()(const Joined& e) const {
    return absl::StrCat("join ", e.caller.rank.value(), "/", e.world, " ", e.caller.incarnation,
                        Of(e.caller));
  }
  std::string operator()(const Heartbeat& e) const {
    return absl::StrCat(By("beat", e.caller), " headway=", e.progress.headway,
                        " waits=", e.progress.in_collective ? 1 : 0,
                        " sums=", e.progress.reductions, " busy=", e.progress.busy.count(),
                        Of(e.caller));
  }
  std::string operator()(const StepDone& e) const {
    return absl::StrCat(By("step", e.caller), " ", PlaceWord(e.position), Of(e.caller));
  }
  std::string operator()(const EvaluationDone& e) const {
    return absl::StrCat(By("held-out", e.caller), " ", PlaceWord(e.after), Of(e.caller));
  }
  std::string operator()(const CheckpointTaken& e) const {
    return absl::StrCat(By("saved", e.caller), " ", PlaceWord(e.next), " ", Word(e.state),
                        Of(e.caller));
  }
  std::string operator()(const StageFinished& e) const {
    return absl::StrCat(By("stage", e.caller), " ", e.stage, " ", Word(e.adapter),
                        e.data_error ? " error=" + Word(*e.data_error) : "",
                        " kept=", e.end.steps_kept,
                        e.end.reason.empty() ? "" : " reason=" + Word(e.end.reason), Of(e.caller));
  }
  std::string operator()(const CandidateArrived& e) const {
    return absl::StrCat(By("candidate", e.caller), " ", Word(e.adapter), Of(e.caller));
  }
  std::string operator()(const ResultArrived& e) const {
    return By(e.of == Purpose::kEvaluate ? "evaluation" : "generation", e.caller) + Of(e.caller);
  }
  std::string operator()(const RankFailed& e) const {
    return absl::StrCat(By("fail", e.caller), " ", Word(e.reason), e.permanent ? " permanent" : "",
                        Of(e.caller));
  }
  std::string operator()(const GroupExited& e) const {
    return absl::StrCat("exit ", e.attempt.value(), " ", Word(e.how));
  }
  std::string operator()(const CheckpointDamaged& e) const {
    return absl::StrCat("damaged ", Word(e.why),
                        e.instead ? absl::StrCat(" ", Word(e.instead->state),
                                                 " instead=", PlaceWord(e.instead->next))
                                  : "");
  }
  std::string operator()(const StopAsked&) const { return "stop"; }
  std::string operator()(const JournalFailed& e) const {
    return absl::StrCat(e.decision ? "journal-failed " : "log-failed ", Word(e.reason));
  }
  std::string operator()(const CommitEnded& e) const {
    const char* verb = e.ok ? "committed " : e.permanent ? "commit-refused " : "commit-failed ";
    return verb + Word(e.reason);
  }
  std::string operator()(const Tick&) const { return absl::StrCat("tick ", now.count()); }
};

}  // namespace

std::string PlaceWord(const Position& at) {
  return absl::StrCat(at.stage, ".", at.epoch, ".", at.step);
}

std::string ScenarioLine(const Event& event, Millis now) { return std::visit(Writer{now}, event); }

}  // namespace strata
