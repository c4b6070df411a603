// Goal: what happens on one rank only is decided by all: a loss that is not finite, a wish to stop,
// a step without rows; a held-out loss is that of all rows. Method: a tiny decoder trained by real
// ranks, which mpirun starts, and by one rank alone; replicas and reports are compared between the
// ranks and with the one.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "tests/worker/rank_checks.h"
#include "tests/worker/tiny_model.h"
#include "worker/collective/make_collective.h"

namespace strata::testing {
namespace {

constexpr uint32_t kSteps = 8;
constexpr int64_t kBrokenToken = 60;  // its embedding is not a number

VectorWeights WeightsWithABrokenToken() {
  const ModelConfig config = TinyConfig();
  VectorWeights weights = TinyWeights(config);
  const std::string name = "model.embed_tokens.weight";
  std::vector<float> values(config.vocab_size * config.hidden_size);
  std::memcpy(values.data(), weights.Get(name).data, values.size() * sizeof(float));
  for (int64_t d = 0; d < config.hidden_size; ++d)
    values[kBrokenToken * config.hidden_size + d] = std::numeric_limits<float>::quiet_NaN();
  weights.Put(name, {config.vocab_size, config.hidden_size}, values);
  return weights;
}

struct Scenario {
  std::set<uint32_t> lone_steps = {};    // whose rows all lie on the last rank
  std::set<uint32_t> broken_steps = {};  // whose first row, on rank 0, holds the broken token
  int stopping_rank = 0;
  int64_t stop_before = -1;  // a step; -1: nobody asks
  double learning_rate = 1e-3;
  HeldOutSettings held_out = {};
};

// Rows of one half of the tokens teach that the other half never comes: its loss rises at once.
int64_t OfHalf(int64_t id, bool other) {
  constexpr int64_t kHalf = kBrokenToken / 2;
  return id % kHalf + (other ? kHalf : 0);
}

// This rank's share of a step, of the rows that are trained or of those that are held out.
StepWork WorkOf(const Scenario& scenario, uint32_t step, const Collective& collective,
                bool held_out = false) {
  StepWork work = held_out ? TinyHeldOutStep(step) : TinyStep(step, scenario.learning_rate);
  for (TrainingRow& row : work.rows)
    for (int64_t& id : row.ids)
      id = scenario.held_out.steps > 0 ? OfHalf(id, held_out) : id % kBrokenToken;
  if (scenario.broken_steps.count(step) > 0) work.rows[0].ids[3] = kBrokenToken;
  const int last = collective.world() - 1;
  std::vector<TrainingRow> own;
  for (const TrainingRow& row : work.rows) {
    const int owner = scenario.lone_steps.count(step) > 0 ? last : row.index % (last + 1);
    if (owner == collective.rank()) own.push_back(row);
  }
  work.rows = own;
  return work;
}

struct Outcome {
  StageResult result;
  std::vector<StepReport> reports;
  std::vector<EvaluationReport> evaluations;
  std::vector<float> before, after;
};

Outcome Train(const Scenario& scenario, Collective& collective) {
  const ModelConfig config = TinyConfig();
  Decoder decoder(config, TinyLora(0.1), WeightsWithABrokenToken(), at::kFloat, at::kCPU);
  FlatAdapter adapter(TinyLayout(config), at::kCPU);
  adapter.Load(KeyedValues(5, TinyLayout(config).elements, 0.3f));
  FunctionSource source(
      [&](StagePosition at) { return WorkOf(scenario, at.step, collective); },
      [&](uint32_t step) { return WorkOf(scenario, step, collective, /*held_out=*/true); });
  Listener listener;
  if (scenario.stopping_rank == collective.rank()) listener.stop_before = scenario.stop_before;
  Outcome outcome;
  outcome.before = adapter.Values();
  const StageSettings settings{.steps = {kSteps},
                               .dropout_key = 7,
                               .adamw = {},
                               .watchdog = {.nonfinite_steps_max = 2},
                               .held_out = scenario.held_out};
  outcome.result = TrainStage(settings, {decoder, adapter, source, collective}, listener);
  outcome.reports = listener.reports;
  outcome.evaluations = listener.evaluations;
  outcome.after = adapter.Values();
  return outcome;
}

// What every rank must agree about, as bytes.
std::string BytesOf(const Outcome& outcome) {
  std::string bytes;
  for (const StepReport& report : outcome.reports)
    for (const double figure : {report.skipped ? 1.0 : 0.0, report.loss, report.grad_norm})
      bytes.append(reinterpret_cast<const char*>(&figure), sizeof(figure));
  for (const EvaluationReport& report : outcome.evaluations)
    bytes.append(reinterpret_cast<const char*>(&report.loss), sizeof(report.loss));
  bytes += outcome.result.reason;
  const auto* values = reinterpret_cast<const char*>(outcome.after.data());
  return bytes.append(values, outcome.after.size() * sizeof(float));
}

Outcome TrainTogether(RankChecks& checks, const Scenario& scenario, Collective& collective) {
  Outcome outcome = Train(scenario, collective);
  checks.ExpectEqualRanks(BytesOf(outcome), "every rank reports and holds the same");
  return outcome;
}

void ExpectSameTraining(RankChecks& checks, const Outcome& together, const Outcome& alone) {
  checks.Expect(together.reports.size() == alone.reports.size(), "as many steps as alone");
  for (size_t i = 0; i < std::min(together.reports.size(), alone.reports.size()); ++i) {
    const StepReport &report = together.reports[i], &expected = alone.reports[i];
    const std::string at = " at step " + std::to_string(i);
    checks.Expect(report.skipped == expected.skipped, "skipped as alone" + at);
    if (expected.skipped) continue;
    checks.Expect(std::abs(report.loss / expected.loss - 1) < 1e-4, "the loss of one rank" + at);
    checks.Expect(std::abs(report.grad_norm / expected.grad_norm - 1) < 1e-3,
                  "the gradient norm of one rank" + at);
  }
}

void CheckStepsWithoutRows(RankChecks& checks, Collective& collective) {
  OneRank one;
  const Scenario scenario{.lone_steps = {0, 3, 4}};
  const Outcome together = TrainTogether(checks, scenario, collective);
  checks.Expect(together.result.end == StageEnd::kTrained, "ranks without rows train on");
  ExpectSameTraining(checks, together, Train(scenario, one));
}

void CheckALossThatIsNotFinite(RankChecks& checks, Collective& collective) {
  OneRank one;
  const Scenario scenario{.broken_steps = {2, 5}};
  const Outcome together = TrainTogether(checks, scenario, collective);
  checks.Expect(together.result.end == StageEnd::kTrained, "single steps are forgiven");
  for (uint32_t step = 0; step < together.reports.size(); ++step)
    checks.Expect(together.reports[step].skipped == (scenario.broken_steps.count(step) > 0),
                  "only the broken steps are skipped: " + std::to_string(step));
  ExpectSameTraining(checks, together, Train(scenario, one));
}

void CheckLossesThatStayNotFinite(RankChecks& checks, Collective& collective) {
  const Outcome together = TrainTogether(checks, {.broken_steps = {3, 4}}, collective);
  checks.Expect(together.result.end == StageEnd::kDataError, "two steps in a row end the stage");
  checks.Expect(together.reports.size() == 5, "it ends at the second broken step");
  checks.Expect(together.after == together.before, "the adapter is as before the stage");
}

void CheckAStopThatOneRankAskedFor(RankChecks& checks, Collective& collective) {
  for (int rank = 0; rank < collective.world(); ++rank) {
    const Scenario scenario{.stopping_rank = rank, .stop_before = 4};
    const Outcome together = TrainTogether(checks, scenario, collective);
    checks.Expect(together.result.end == StageEnd::kStopped, "all stop when one asks");
    checks.Expect(together.reports.size() == 5, "they stop after the step it asked before");
    checks.Expect(together.after != together.before, "what was applied stays");
  }
}

void CheckEarlyStopping(RankChecks& checks, Collective& collective) {
  OneRank one;
  // Some held-out rows lie on one rank only.
  const Scenario scenario{.lone_steps = {1},
                          .learning_rate = 1e-2,
                          .held_out = {.steps = 3, .every_steps = 1, .patience = 2}};
  const Outcome together = TrainTogether(checks, scenario, collective);
  const Outcome alone = Train(scenario, one);
  checks.Expect(together.reports.size() < kSteps, "the stage ends early");
  checks.Expect(together.result.end == StageEnd::kTrained, "it is trained");
  checks.Expect(together.result.steps_kept == alone.result.steps_kept, "one rank keeps the same");
  checks.Expect(together.evaluations.size() == alone.evaluations.size(), "evaluated as often");
  for (size_t i = 0; i < std::min(together.evaluations.size(), alone.evaluations.size()); ++i)
    checks.Expect(std::abs(together.evaluations[i].loss / alone.evaluations[i].loss - 1) < 1e-4,
                  "the held-out loss of one rank " + std::to_string(i));
}

Evaluation Evaluate(const Scenario& scenario, Collective& collective) {
  const ModelConfig config = TinyConfig();
  Decoder decoder(config, TinyLora(0), WeightsWithABrokenToken(), at::kFloat, at::kCPU);
  FlatAdapter adapter(TinyLayout(config), at::kCPU);
  FunctionSource source([&](StagePosition at) { return WorkOf(scenario, at.step, collective); });
  return EvaluateStage(kSteps, 1, {decoder, adapter, source, collective},
                       [&](uint32_t step) { return source.Fetch({0, 0, step}); });
}

void CheckEvaluation(RankChecks& checks, Collective& collective) {
  OneRank one;
  const Scenario whole{.lone_steps = {1, 2}}, broken{.broken_steps = {3}};
  const Evaluation together = Evaluate(whole, collective), alone = Evaluate(whole, one);
  checks.Expect(together.tokens == alone.tokens, "every supervised token counts once");
  checks.Expect(std::abs(together.loss_sum / alone.loss_sum - 1) < 1e-6, "the loss of one rank");
  checks.Expect(!std::isfinite(Evaluate(broken, collective).loss_sum),
                "every rank knows of a loss that is not finite");
}

}  // namespace
}  // namespace strata::testing

int main(int argc, char** argv) {
  using namespace strata;
  at::set_num_threads(1);
  MpiSession session(&argc, &argv);
  testing::RankChecks checks(session);
  checks.ExpectJob(argc, argv);
  const auto collective = MakeCollective(session, at::kCPU);
  testing::CheckStepsWithoutRows(checks, *collective);
  testing::CheckALossThatIsNotFinite(checks, *collective);
  testing::CheckLossesThatStayNotFinite(checks, *collective);
  testing::CheckAStopThatOneRankAskedFor(checks, *collective);
  testing::CheckEvaluation(checks, *collective);
  testing::CheckEarlyStopping(checks, *collective);
  checks.Finish();
  return 0;
}
