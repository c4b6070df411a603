// Goal: ranks agree, to the bit, and N of them train as one does. Method: started by mpirun with 2
// and 3 ranks; each checks for itself and says what is wrong; any failure fails the job.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <cstdio>
#include <cstring>

#include "tests/worker/tiny_model.h"
#include "worker/collective/make_collective.h"

namespace strata::testing {
namespace {

int failures = 0;

void Expect(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what.c_str());
  ++failures;
}

bool SameBits(const at::Tensor& a, const at::Tensor& b) {
  return a.nbytes() == b.nbytes() && std::memcmp(a.data_ptr(), b.data_ptr(), a.nbytes()) == 0;
}

at::Tensor ValuesOf(int rank, int64_t count) {
  at::Tensor values = at::arange(count, at::kDouble);
  return (values * (rank + 1.7)).sin().mul(std::pow(10.0, rank)).to(at::kFloat).contiguous();
}

void CheckSums(Collective& collective, int64_t count) {
  const std::string size = std::to_string(count) + " elements";
  at::Tensor expected = ValuesOf(0, count);
  for (int rank = 1; rank < collective.world(); ++rank) expected.add_(ValuesOf(rank, count));
  for (int repeat = 0; repeat < 2; ++repeat) {
    at::Tensor values = ValuesOf(collective.rank(), count);
    collective.SumInPlace(values);
    Expect(SameBits(values, expected), "sums in the order of ranks, " + size);
  }
}

void CheckBroadcast(MpiSession& session) {
  const std::string sent(100000, 'x');
  Expect(session.BroadcastBytes(session.rank() == 0 ? sent : "other") == sent, "broadcast bytes");
  Expect(session.BroadcastBytes("") == "", "broadcast of nothing");
}

void CheckRefusals(MpiSession& session, Collective& collective) {
  bool refused = false;
  at::Tensor doubles = at::zeros({3}, at::kDouble);
  try {
    collective.SumInPlace(doubles);
  } catch (const std::invalid_argument&) {
    refused = true;
  }
  Expect(refused, "another dtype is refused");
}

struct Outcome {
  std::vector<StepReport> reports;
  std::vector<float> adapter;
};

// Rows go round by step among ranks + 1 places, the last of which is rank 0's too: shares are
// uneven, and a rank often has none.
bool IsOwn(const TrainingRow& row, uint32_t step, const Collective& collective) {
  const int place = static_cast<int>(row.index + step) % (collective.world() + 1);
  return place % collective.world() == collective.rank();
}

Outcome Train(Collective& collective) {
  const ModelConfig config = TinyConfig();
  Decoder decoder(config, TinyLora(0.1), TinyWeights(config), at::kFloat, at::kCPU);
  FlatAdapter adapter(TinyLayout(config), at::kCPU);
  adapter.Load(KeyedValues(5, TinyLayout(config).elements, 0.3f));
  FunctionSource source([&](StagePosition at) {
    StepWork work = TinyStep(at.step, 1e-3);
    std::vector<TrainingRow> own;
    for (const TrainingRow& row : work.rows)
      if (IsOwn(row, at.step, collective)) own.push_back(row);
    work.rows = own;
    return work;
  });
  Listener listener;
  const StageSettings settings{0, {30}, 7, {}, 1, 1};
  const StageResult result = TrainStage(settings, decoder, adapter, source, collective, listener);
  Expect(result.end == StageEnd::kTrained, "the stage is trained");
  return {listener.reports, adapter.Values()};
}

void CheckTraining(MpiSession& session, Collective& collective) {
  OneRank one;
  const Outcome together = Train(collective), alone = Train(one);
  for (size_t i = 0; i < alone.reports.size(); ++i) {
    const double ratio = together.reports[i].loss / alone.reports[i].loss;
    Expect(std::abs(ratio - 1) < 1e-4, "the loss of one rank at step " + std::to_string(i));
  }
  const auto* bytes = reinterpret_cast<const char*>(together.adapter.data());
  const std::string own(bytes, together.adapter.size() * sizeof(float));
  Expect(session.BroadcastBytes(own) == own, "the same adapter on every rank");
  Expect(Train(collective).adapter == together.adapter, "a repeat is equal to the byte");
}

}  // namespace
}  // namespace strata::testing

int main(int argc, char** argv) {
  using namespace strata;
  at::set_num_threads(1);
  MpiSession session(&argc, &argv);
  testing::Expect(session.world() > 1, "mpirun started more than one rank");
  testing::Expect(session.local_world() == session.world(), "all ranks are on this host");
  const auto collective = MakeCollective(session, at::kCPU);
  for (const int64_t count : {1, 2, 7, 1000, 5000000}) testing::CheckSums(*collective, count);
  testing::CheckBroadcast(session);
  testing::CheckRefusals(session, *collective);
  testing::CheckTraining(session, *collective);
  session.Barrier();
  if (testing::failures > 0) session.Abort(1);
  return 0;
}
