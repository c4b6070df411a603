// Goal: whatever ranks and the coordinator send, the run's state holds its invariants and a
// worker's plain values are bounded by the message. Method: the input is a list of records (kind,
// length, protobuf bytes), decoded as the service and the worker decode them and fed to a run of
// two ranks and two stages, with the driver's own events between them.
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "coordinator/core/run_core.h"
#include "coordinator/run/generated_tokens.h"
#include "coordinator/run/shard_source.h"
#include "coordinator/service/run_messages.h"
#include "tests/fuzz/fuzz_folder.h"
#include "worker/task/task_messages.h"

namespace strata {
namespace {

constexpr int kWorld = 2;
constexpr size_t kElements = 4, kExamples = 8, kPrompts = 2;

// A plan of two stages over one token file.
class PlannedRun {
 public:
  PlannedRun() {
    const auto file = TheFolder().path() / "a.tokens";
    auto writer = TokenFileWriter::Create(file).value();
    for (uint32_t i = 0; i < kExamples; ++i) writer.Append({{i, 7, 8, 9}, {{1, 3}}});
    Expect(writer.Finish().ok(), "the token file is written");
    tokens_.emplace(DatasetTokens::Open(file, 8, ExcessLength::kTruncate).value());
    plan_.max_length = 8;
    plan_.global_batch_size = 2;
    for (uint32_t index = 0; index < 2; ++index) plan_.stages.push_back(StageOf(index));
    source_.emplace(&plan_, std::vector<const DatasetTokens*>{&*tokens_, &*tokens_});
  }
  const Plan& plan() const { return plan_; }
  ShardSource& source() { return *source_; }

 private:
  static StagePlan StageOf(uint32_t index) {
    StagePlan stage;
    stage.index = index;
    stage.dataset = "a.jsonl";
    stage.learning_rate = 1e-3;
    for (uint32_t i = 0; i < kExamples; ++i) {
      stage.examples.push_back(i);
      stage.example_tokens.push_back(4);
    }
    stage.steps = {2, 2};
    stage.rows = {4, 4};
    stage.complete_epochs = 2;
    return stage;
  }
  Plan plan_;
  std::optional<DatasetTokens> tokens_;
  std::optional<ShardSource> source_;
};

PlannedRun& ThePlan() {
  static PlannedRun planned;
  return planned;
}

// The service and the driver around the core, in memory.
class FuzzedRun {
 public:
  explicit FuzzedRun(Purpose purpose) : state_(NewRun(SpecOf(purpose))), generated_(kPrompts) {
    Submit(Started{});
  }

  void Take(uint8_t kind, std::string_view bytes) {
    switch (kind % 15) {
      case 0:
        return With<v1::JoinRequest>(bytes, [&](const auto& m) { SubmitIf(JoinedOf(m)); });
      case 1:
        return With<v1::HeartbeatRequest>(bytes, [&](const auto& m) { Submit(HeartbeatOf(m)); });
      case 2:
        return With<v1::ReportStepsRequest>(bytes, [&](const auto& m) { Report(m); });
      case 3:
        return With<v1::FinishStageRequest>(bytes, [&](const auto& m) { SubmitIf(FinishedOf(m)); });
      case 4:
        return With<v1::CandidateChunk>(bytes, [&](const auto& m) { TakeChunk(m); });
      case 5:
        return With<v1::FailRequest>(bytes, [&](const auto& m) { Submit(FailedOf(m)); });
      case 6:
        return With<v1::FetchShardRequest>(bytes, [&](const auto& m) { Fetch(m); });
      case 7:
        return With<v1::ReportGenerationRequest>(bytes, [&](const auto& m) { Generate(m); });
      case 8:
        return With<v1::ReportEvaluationRequest>(bytes, [&](const auto& m) {
          if (Alive(m.caller())) Submit(ResultArrived{CallerOf(m.caller()), Purpose::kEvaluate});
        });
      case 9:
        return With<v1::JoinReply>(bytes, CheckTask);
      case 10:
        return With<v1::StepShard>(bytes, CheckWork);
      case 11:
        return With<v1::ProveCheckpointRequest>(bytes,
                                                [&](const auto& m) { SubmitIf(ProvedOf(m)); });
      default:
        return World(kind, bytes);
    }
  }

 private:
  static RunSpec SpecOf(Purpose purpose) {
    RunSpec spec;
    spec.world = kWorld;
    spec.purpose = purpose;
    if (purpose == Purpose::kEvaluate) spec.stages = {{2}};
    if (purpose == Purpose::kTrain) {
      for (const StagePlan& stage : ThePlan().plan().stages) spec.stages.push_back(stage.steps);
    }
    return spec;
  }

  template <typename Message, typename Do>
  static void With(std::string_view bytes, const Do& act) {
    Message message;
    if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) act(message);
  }

  template <typename Result>
  void SubmitIf(const absl::StatusOr<Result>& event) {
    if (event.ok()) Submit(*event);
  }

  bool Alive(const v1::Caller& caller) {
    const Effects effects = Submit(AliveOf(caller));
    return effects.answer == Answer::kOk || effects.answer == Answer::kStop;
  }

  void Report(const v1::ReportStepsRequest& message) {
    for (const v1::StepRecord& step : message.steps()) {
      const Position at{step.stage(), step.epoch(), step.step()};
      if (!Submit(DoneOf(message.caller(), step)).record_step) continue;
      Expect(!last_step_ || at > *last_step_, "a step is recorded once, in order");
      last_step_ = at;
      const StepTotals totals = ThePlan().source().Totals(at.stage, at.epoch, at.step);
      Expect(totals.supervised > 0, "a step that is recorded is of the plan");
    }
    for (const v1::EvaluationRecord& one : message.evaluations())
      Submit(DoneOf(message.caller(), one));
  }

  void Fetch(const v1::FetchShardRequest& message) {
    if (!Alive(message.caller())) return;
    const auto shards = ThePlan().source().Window(WindowOf(message), kWorld);
    if (!shards.ok()) return;
    Expect(shards->size() == message.step_count(), "every step of the window");
    for (const v1::StepShard& shard : *shards) CheckWork(shard);
  }

  void Generate(const v1::ReportGenerationRequest& message) {
    if (!Alive(message.caller())) return;
    if (!generated_.Take(message).ok()) return;
    for (const TokenPiece& piece : generated_.NewPieces())
      Expect(piece.prompt < kPrompts, "tokens are of a prompt of the task");
    if (generated_.complete())
      Submit(ResultArrived{CallerOf(message.caller()), Purpose::kGenerate});
  }

  void TakeChunk(const v1::CandidateChunk& message) {
    if (!candidate_) {
      auto begun = CandidateInMaking::Announced(message, kElements);
      if (!begun.ok()) return;
      candidate_.emplace(*std::move(begun));
    }
    const bool taken = candidate_->Take(message.chunk());
    if (taken && !message.chunk().data().empty()) return;
    // The stream ends.
    const Caller caller = candidate_->caller();
    const Digest digest = candidate_->digest();
    const auto adapter = (*std::exchange(candidate_, std::nullopt)).Finish();
    if (!adapter.ok()) return;
    Expect(taken && adapter->size() == kElements, "a candidate is whole");
    if (Alive(message.caller())) Submit(CandidateArrived{caller, digest});
  }

  static void CheckTask(const v1::JoinReply& message) {
    const absl::StatusOr<WorkerTask> told = TaskOf(message);
    if (!told.ok()) return;
    const WorkerTask& task = *told;
    Expect(task.micro_batch_size > 0, "a micro-batch has rows");
    if (task.generation) Expect(task.generation->batch_size > 0, "a batch has prompts");
  }

  static void CheckWork(const v1::StepShard& message) {
    const StepWork work = WorkOf(message);
    Expect(work.rows.size() == static_cast<size_t>(message.rows_size()), "every row");
    for (const TrainingRow& row : work.rows)
      Expect(row.supervised.size() <= static_cast<size_t>(message.ByteSizeLong()), "bounded spans");
  }

  // What is no message: time, the group's end, a stop, the commit's end.
  void World(uint8_t kind, std::string_view bytes) {
    const uint8_t detail = bytes.empty() ? 0 : static_cast<uint8_t>(bytes[0]);
    now_ += Millis(detail * 100);
    if (kind % 15 == 12) Submit(Tick{});
    if (kind % 15 == 13) Submit(GroupExited{state_.attempt, "exit status 1", detail % 2 == 0});
    if (kind % 15 == 14)
      Submit(detail % 2 == 0 ? Event(StopAsked{}) : Event(CommitEnded{true, ""}));
  }

  Effects Submit(const Event& event) {
    const bool was_over = state_.phase == Phase::kEnded;
    Effects effects = Step(state_, event, now_);
    Expect(!was_over || (!effects.verdict && !effects.commit && !effects.record_step),
           "what is over stays as it is");
    Expect(state_.attempt.value() == 1, "one attempt");
    Expect(state_.ranks.size() == kWorld, "the ranks that there are");
    if (effects.commit) {
      Expect(!committed_ && state_.spec.purpose == Purpose::kTrain, "one commit, of a training");
      for (const RankState& rank : state_.ranks) {
        Expect(rank.finished.at(static_cast<uint32_t>(state_.spec.stages.size() - 1)) ==
                   *state_.candidate,
               "every rank has proved the candidate");
      }
      committed_ = true;
    }
    for (const JournalLine& line : effects.journal)
      Expect(line.words.size() <= 2 * kWordsBytesMax, "a journal's line is bounded");
    return effects;
  }

  RunState state_;
  GeneratedTokens generated_;
  std::optional<CandidateInMaking> candidate_;
  std::optional<Position> last_step_;
  Millis now_{0};
  bool committed_ = false;
};

}  // namespace
}  // namespace strata

// Protobuf would write a line for each text that is not UTF-8.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strata;
  std::string_view input = InputOf(data, size);
  if (input.empty()) return 0;
  FuzzedRun run(static_cast<Purpose>(static_cast<uint8_t>(input[0]) % 3));
  input.remove_prefix(1);
  while (input.size() >= 2) {
    const auto kind = static_cast<uint8_t>(input[0]), length = static_cast<uint8_t>(input[1]);
    input.remove_prefix(2);
    run.Take(kind, input.substr(0, length));
    input.remove_prefix(std::min<size_t>(input.size(), length));
  }
  return 0;
}
