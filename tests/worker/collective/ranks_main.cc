// Goal: ranks agree, to the bit, and N of them train as one does. Method: real ranks, which mpirun
// starts, over MPI and, where every rank has a device, over NCCL.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <cmath>
#include <cstdio>
#include <cstring>

#include "tests/worker/rank_checks.h"
#include "tests/worker/tiny_model.h"
#include "worker/collective/make_collective.h"

namespace strata::testing {
namespace {

struct Ranks {
  MpiSession& session;
  Collective& collective;
  at::Device device;
  RankChecks& checks;
};

bool SameBits(const at::Tensor& a, const at::Tensor& b) {
  return a.nbytes() == b.nbytes() && std::memcmp(a.data_ptr(), b.data_ptr(), a.nbytes()) == 0;
}

at::Tensor ValuesOf(int rank, int64_t count) {
  at::Tensor values = at::arange(count, at::kDouble);
  return (values * (rank + 1.7)).sin().mul(std::pow(10.0, rank)).to(at::kFloat).contiguous();
}

// NCCL promises the same bits on every rank, but no order of addition.
void CheckSums(const Ranks& ranks, int64_t count) {
  const std::string size = std::to_string(count) + " elements";
  const int world = ranks.collective.world();
  at::Tensor expected = ValuesOf(0, count);
  for (int rank = 1; rank < world; ++rank) expected.add_(ValuesOf(rank, count));
  for (int repeat = 0; repeat < 2; ++repeat) {
    at::Tensor values = ValuesOf(ranks.collective.rank(), count).to(ranks.device);
    ranks.collective.SumInPlace(values);
    values = values.to(at::kCPU);
    const bool holds = ranks.device.is_cpu()
                           ? SameBits(values, expected)
                           : at::allclose(values, expected, 1e-6, std::pow(10.0, world - 7));
    ranks.checks.Expect(holds, "sums in the order of ranks, " + size);
    ranks.checks.ExpectEqualRanks({static_cast<const char*>(values.data_ptr()), values.nbytes()},
                                  "the same bits on every rank, " + size);
  }
}

void CheckBroadcast(const Ranks& ranks) {
  MpiSession& session = ranks.session;
  const std::string sent(100000, 'x');
  const std::string got = session.BroadcastBytes(session.rank() == 0 ? sent : "other");
  ranks.checks.Expect(got == sent, "broadcast bytes");
  ranks.checks.Expect(session.BroadcastBytes("") == "", "broadcast of nothing");
}

void CheckRefusals(const Ranks& ranks) {
  bool refused = false;
  at::Tensor doubles = at::zeros({3}, at::dtype(at::kDouble).device(ranks.device));
  try {
    ranks.collective.SumInPlace(doubles);
  } catch (const std::invalid_argument&) {
    refused = true;
  }
  ranks.checks.Expect(refused, "another dtype is refused");
}

struct Outcome {
  std::vector<StepReport> reports;
  std::vector<float> adapter;
};

// Rows go round from step to step; every third step lies on one rank whole and the others have
// none.
bool IsOwn(const TrainingRow& row, uint32_t step, const Collective& collective) {
  const uint32_t place = step % 3 == 0 ? step / 3 : row.index + step;
  return static_cast<int>(place % collective.world()) == collective.rank();
}

Outcome Train(const Ranks& ranks, Collective& collective) {
  const ModelConfig config = TinyConfig();
  Decoder decoder(config, TinyLora(0.1), TinyWeights(config), at::kFloat, ranks.device);
  FlatAdapter adapter(TinyLayout(config), ranks.device);
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
  const StageSettings settings{
      .steps = {30}, .dropout_key = 7, .adamw = {}, .watchdog = {}, .held_out = {}};
  const StageResult result = TrainStage(settings, {decoder, adapter, source, collective}, listener);
  ranks.checks.Expect(result.end == StageEnd::kTrained, "the stage is trained");
  return {listener.reports, adapter.Values()};
}

void CheckTraining(const Ranks& ranks) {
  OneRank one;
  const Outcome together = Train(ranks, ranks.collective), alone = Train(ranks, one);
  for (size_t i = 0; i < alone.reports.size(); ++i) {
    const double ratio = together.reports[i].loss / alone.reports[i].loss;
    ranks.checks.Expect(std::abs(ratio - 1) < 1e-4,
                        "the loss of one rank at step " + std::to_string(i));
  }
  const auto* bytes = reinterpret_cast<const char*>(together.adapter.data());
  ranks.checks.ExpectEqualRanks({bytes, together.adapter.size() * sizeof(float)},
                                "the same adapter on every rank");
  ranks.checks.Expect(Train(ranks, ranks.collective).adapter == together.adapter,
                      "a repeat is equal to the byte");
}

void CheckOn(at::Device device, MpiSession& session, RankChecks& checks) {
  const auto collective = MakeCollective(session, device);
  const Ranks ranks{session, *collective, device, checks};
  for (const int64_t count : {1, 2, 7, 1000, 5000000}) CheckSums(ranks, count);
  CheckBroadcast(ranks);
  CheckRefusals(ranks);
  CheckTraining(ranks);
}

bool EveryRankHasADevice(const MpiSession& session) {
  const auto& cuda = at::detail::getCUDAHooks();
  return cuda.hasCUDA() && cuda.deviceCount() >= session.local_world();
}

}  // namespace
}  // namespace strata::testing

int main(int argc, char** argv) {
  using namespace strata;
  at::set_num_threads(1);
  MpiSession session(&argc, &argv);
  testing::RankChecks checks(session);
  checks.ExpectJob(argc, argv);
  checks.Expect(session.local_world() == session.world(), "all ranks are on this host");
  testing::CheckOn(at::kCPU, session, checks);
  if (testing::EveryRankHasADevice(session)) {
    const auto index = static_cast<c10::DeviceIndex>(session.local_rank());
    testing::CheckOn(at::Device(at::kCUDA, index), session, checks);
  } else if (session.rank() == 0) {
    std::puts("SKIP: NCCL, as this host has no CUDA device for each rank");
  }
  checks.Finish();
  return 0;
}
