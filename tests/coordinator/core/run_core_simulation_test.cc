// Goal: no order of messages, losses, deaths and stops breaks what the core promises.
// Method: many short lives in memory, each from a seed: ranks that do their plan over a network
// that loses, repeats and reorders, strangers that talk in between; the invariants are checked
// after every step.
#include <algorithm>
#include <optional>
#include <random>
#include <set>

#include "coordinator/core/run_core.h"
#include "gtest/gtest.h"

namespace strata {
namespace {

constexpr uint64_t kLives = 10000;

// What must not change when a message means nothing.
struct Shape {
  Phase phase;
  AttemptId attempt;
  Position recorded;
  bool stop_asked, candidate;
  size_t errors;
  std::vector<std::string> incarnations;
  std::vector<std::map<uint32_t, Digest>> finished;
  std::vector<Millis> seen;
  bool operator==(const Shape&) const = default;
};

Shape ShapeOf(const RunState& state) {
  Shape shape{state.phase,
              state.attempt,
              state.recorded,
              state.stop_asked,
              !!state.candidate,
              state.stage_errors.size(),
              {},
              {},
              {}};
  for (const RankState& rank : state.ranks) {
    shape.incarnations.push_back(rank.incarnation);
    shape.finished.push_back(rank.finished);
    shape.seen.push_back(rank.seen);
  }
  return shape;
}

class Life {
 public:
  explicit Life(uint64_t seed) : random_(seed) {
    RunSpec spec;
    spec.world = 1 + Draw(4);
    spec.stages.resize(1 + Draw(3));
    for (auto& stage : spec.stages) stage.assign(1 + Draw(2), 1 + Draw(3));
    spec.stop_on_dataset_error = Draw(2) == 0;
    losses_ = Draw(3) == 0 ? 5 : 0;
    trouble_ = Draw(3) == 0;
    state_ = NewRun(spec);
  }

  void Live() {
    Handle(Started{});
    for (int rank = 0; rank < state_.spec.world; ++rank) SendAll(rank);
    for (int turn = 0; turn < 400 && state_.phase != Phase::kEnded; ++turn) {
      Turn();
      if (testing::Test::HasFailure()) return;
    }
    const Shape end = ShapeOf(state_);
    const bool ended = state_.phase == Phase::kEnded;
    for (int i = 0; i < 10; ++i) Handle(Stranger());
    if (ended) Handle(StopAsked{});
    if (ended) Handle(CommitEnded{true, "late"});
    if (ended) Handle(Tick{});
    EXPECT_TRUE(!ended || end == ShapeOf(state_)) << "the end is not the end";
  }
  std::optional<Verdict> verdict() const { return verdict_; }
  bool committed() const { return commits_ == 1; }

 private:
  int Draw(int below) { return static_cast<int>(random_() % static_cast<uint64_t>(below)); }
  Caller CallerOf(int rank) {
    return {AttemptId(1), Rank(rank), "incarnation " + std::to_string(rank)};
  }
  static Digest Replica(uint32_t stage) { return Sha256Of("stage " + std::to_string(stage)); }

  // Everything that a rank will ever say, in its order.
  void SendAll(int rank) {
    const RunSpec& spec = state_.spec;
    std::vector<Event> said = {Joined{CallerOf(rank), spec.world, "host", "cpu"}};
    for (uint32_t stage = 0; stage < spec.stages.size(); ++stage) {
      for (uint32_t epoch = 0; epoch < spec.stages[stage].size(); ++epoch) {
        for (uint32_t step = 0; step < spec.stages[stage][epoch]; ++step) {
          if (rank == 0) said.push_back(StepDone{CallerOf(rank), {stage, epoch, step}});
          if (rank != 0) said.push_back(Heartbeat{CallerOf(rank), {stage, epoch, step}});
        }
      }
      StageFinished finished{CallerOf(rank), stage, {}, Replica(stage)};
      if (trouble_ && Draw(20) == 0) finished.adapter = Sha256Of("a flipped bit");
      if (trouble_ && Draw(20) == 0) finished.data_error = "not a number";
      said.push_back(finished);
    }
    const auto last = static_cast<uint32_t>(spec.stages.size() - 1);
    const bool flipped = trouble_ && Draw(10) == 0;
    if (rank == 0) {
      said.push_back(
          CandidateArrived{CallerOf(0), flipped ? Sha256Of("a flipped bit") : Replica(last)});
    }
    std::reverse(said.begin(), said.end());
    unsaid_.push_back(said);
  }

  // A message that means nothing: of another attempt, of another incarnation, of no rank.
  Event Stranger() {
    Caller caller = CallerOf(Draw(state_.spec.world));
    const int kind = Draw(3);
    if (kind == 0) caller.attempt = AttemptId(Draw(2) == 0 ? 0 : 2);
    if (kind == 1) caller.incarnation = "older";
    if (kind == 2) caller.rank = Rank(state_.spec.world + Draw(3));
    switch (Draw(6)) {
      case 0:
        return Heartbeat{caller, {}};
      case 1:
        return StepDone{caller, {}};
      case 2:
        return StageFinished{caller, 0, "nonsense", Sha256Of("nonsense")};
      case 3:
        return CandidateArrived{caller, Sha256Of("nonsense")};
      case 4:
        return RankFailed{caller, "nonsense"};
      default:
        return GroupExited{AttemptId(7), "nonsense", false};
    }
  }

  void Turn() {
    now_ += Millis(Draw(300));
    const int what = Draw(100);
    if (commits_ == 1 && Draw(4) == 0) return Handle(CommitEnded{Draw(4) != 0, "committed"});
    if (what < 4) {
      const Shape before = ShapeOf(state_);
      Handle(Stranger());
      EXPECT_EQ(before, ShapeOf(state_)) << "a stranger changed the run";
    } else if (what < 8) {
      Handle(Tick{});
    } else if (trouble_ && what < 10) {
      Misfortune();
    } else {
      Deliver();
    }
  }

  void Misfortune() {
    switch (Draw(6)) {
      case 0:
        return Handle(StopAsked{});
      case 4:
        return Handle(JournalFailed{"disk full"});
      case 1:
        return Handle(GroupExited{AttemptId(1), "signal 9", false});
      case 2:
        return Handle(RankFailed{CallerOf(Draw(state_.spec.world)), "out of memory"});
      case 3:  // a rank dies without a word
        unsaid_[Draw(state_.spec.world)].clear();
        return;
      default:
        now_ += Millis(15'000);
        return Handle(Tick{});
    }
  }

  // One message more is on its way; one that is on its way arrives, perhaps twice, perhaps never.
  void Deliver() {
    auto& unsaid = unsaid_[Draw(state_.spec.world)];
    if (!unsaid.empty()) {
      on_the_way_.push_back(unsaid.back());
      unsaid.pop_back();
    }
    if (on_the_way_.empty()) return;
    const size_t reach = losses_ > 0 ? on_the_way_.size() : 1;
    const size_t at = Draw(static_cast<int>(reach));
    const Event event = on_the_way_[at];
    if (Draw(100) >= losses_ * 2) Handle(event);
    if (Draw(100) >= losses_) on_the_way_.erase(on_the_way_.begin() + static_cast<long>(at));
  }

  void Handle(const Event& event) {
    const Position before = state_.recorded;
    const Effects effects = Step(state_, event, now_);
    launches_ += effects.launch.has_value();
    commits_ += effects.commit;
    if (effects.record_step) {
      const Position at = std::get<StepDone>(event).position;
      EXPECT_TRUE(recorded_.insert(at).second) << "a step was recorded twice";
      EXPECT_LT(before, state_.recorded);
    }
    if (effects.commit) ExpectProved();
    if (effects.verdict) {
      EXPECT_FALSE(verdict_) << "two verdicts";
      EXPECT_FALSE(effects.why.empty()) << "a verdict without a reason";
      verdict_ = effects.verdict;
    }
    EXPECT_EQ(verdict_.has_value(), state_.phase == Phase::kEnded);
    EXPECT_EQ(launches_, 1) << "one attempt";
    EXPECT_LE(commits_, 1) << "one commit";
    EXPECT_TRUE(verdict_ != Verdict::kCompleted || commits_ == 1);
    EXPECT_TRUE(verdict_ != Verdict::kInterrupted || (state_.stop_asked && commits_ == 0));
  }

  void ExpectProved() const {
    ASSERT_TRUE(state_.candidate);
    const auto last = static_cast<uint32_t>(state_.spec.stages.size() - 1);
    for (const RankState& rank : state_.ranks) {
      ASSERT_EQ(rank.finished.count(last), 1u) << "a rank has not finished";
      EXPECT_EQ(rank.finished.at(last), *state_.candidate) << "an unproved candidate";
    }
  }

  std::mt19937_64 random_;
  RunState state_;
  Millis now_{0};
  int losses_ = 0;                          // in a hundred
  bool trouble_ = false;                    // deaths, stops, flipped bits, bad data
  std::vector<std::vector<Event>> unsaid_;  // of each rank, the next one last
  std::vector<Event> on_the_way_;
  std::set<Position> recorded_;
  int launches_ = 0, commits_ = 0;
  std::optional<Verdict> verdict_;
};

TEST(RunCoreSimulation, PromisesHoldInEveryLife) {
  int completed = 0, failed = 0, interrupted = 0, committed = 0;
  for (uint64_t seed = 1; seed <= kLives; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life life(seed);
    life.Live();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
    completed += life.verdict() == Verdict::kCompleted;
    failed += life.verdict() == Verdict::kFailed;
    interrupted += life.verdict() == Verdict::kInterrupted;
    committed += life.committed();
  }
  // The lives are of all kinds, else the simulation proves little.
  EXPECT_GT(completed, 1000);
  EXPECT_GT(failed, 500);
  EXPECT_GT(interrupted, 100);
  EXPECT_GT(committed, completed);
}

}  // namespace
}  // namespace strata
