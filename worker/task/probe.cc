#include "worker/task/probe.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/headeronly/version.h>
#include <unistd.h>
#ifdef STRATA_WITH_CUDA
#include <c10/cuda/CUDAFunctions.h>
#include <cuda_runtime_api.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "common/host_name.h"
#include "common/json.h"
#include "worker/collective/make_collective.h"
#include "worker/task/rank_place.h"

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kReductions = 5;
constexpr double kSpeedSeconds = 0.3;  // for each dtype
constexpr int64_t kCpuSide = 1024, kCudaSide = 8192;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// One write: ranks share mpirun's output.
void Tell(const char* event, Json what) {
  Json line = {{"probe", event}};
  line.update(what);
  const std::string text = DumpJson(line) + "\n";
  if (write(STDOUT_FILENO, text.data(), text.size()) < 0) _exit(1);
}

// Versions as CUDA counts them: 1000 × major + 10 × minor; 0 is none.
void DescribeCuda([[maybe_unused]] Json* machine) {
#ifdef STRATA_WITH_CUDA
  int driver = 0, count = 0;
  cudaDriverGetVersion(&driver);
  (*machine)["cuda_built"] = CUDART_VERSION;
  (*machine)["cuda_driver"] = driver;
  const cudaError_t error = cudaGetDeviceCount(&count);
  (*machine)["device_error"] = error == cudaSuccess ? "" : cudaGetErrorString(error);
  if (error != cudaSuccess) count = 0;
  cudaGetLastError();
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties{};
    if (cudaGetDeviceProperties(&properties, i) != cudaSuccess) continue;
    (*machine)["devices"].push_back(
        {{"name", properties.name}, {"bytes", properties.totalGlobalMem}});
  }
#endif
}

// Small whole numbers, so that every order of addition gives the same sum, exactly.
at::Tensor Values(int64_t elements, int64_t factor, at::Device device) {
  return at::arange(elements, at::TensorOptions().device(device).dtype(at::kFloat))
      .remainder_(8)
      .add_(1)
      .mul_(factor);
}

int64_t FactorOf(int rank) { return rank % 8 + 1; }

void Reduce(Collective& collective, int64_t elements, at::Device device, MpiSession& session) {
  int64_t factors = 0, wrong = 0;
  for (int rank = 0; rank < collective.world(); ++rank) factors += FactorOf(rank);
  const at::Tensor expected_N = Values(elements, factors, device);
  std::vector<double> seconds;
  for (int i = 0; i < kReductions; ++i) {
    at::Tensor flat_N = Values(elements, FactorOf(collective.rank()), device);
    flat_N[0].item();  // CUDA has filled it
    session.Barrier();
    const auto begin = Clock::now();
    collective.SumInPlace(flat_N);
    flat_N[0].item();
    seconds.push_back(SecondsSince(begin));
    wrong += flat_N.ne(expected_N).sum().item<int64_t>();
  }
  std::sort(seconds.begin(), seconds.end());
  Tell("reduced", {{"rank", collective.rank()},
                   {"bytes", elements * static_cast<int64_t>(sizeof(float))},
                   {"seconds", seconds[kReductions / 2]},
                   {"wrong", wrong}});
}

double GflopsOf(at::ScalarType dtype, at::Device device) {
  const int64_t side = device.is_cpu() ? kCpuSide : kCudaSide;
  const at::Tensor a_SS = at::ones({side, side}, at::TensorOptions().device(device).dtype(dtype));
  at::Tensor product_SS = at::mm(a_SS, a_SS);
  product_SS[0][0].item();
  double best = 0, total = 0;
  while (total < kSpeedSeconds) {
    const auto begin = Clock::now();
    at::mm_out(product_SS, a_SS, a_SS);
    product_SS[0][0].item();
    const double seconds = SecondsSince(begin);
    total += seconds;
    best = std::max(best, 2e-9 * static_cast<double>(side * side * side) / seconds);
  }
  return best;
}

}  // namespace

void TellMachine() {
  Json machine = {{"host", HostName()}, {"libtorch", TORCH_VERSION}, {"cuda_built", 0},
                  {"cuda_driver", 0},   {"device_error", ""},        {"devices", Json::array()}};
  DescribeCuda(&machine);
  Tell("machine", std::move(machine));
}

void TellStarted() {
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  Tell("started", {{"rank", rank != nullptr ? std::atoi(rank) : -1}, {"host", HostName()}});
}

void ProbeRanks(MpiSession& session, const ProbeOptions& options) {
  const RankPlace place = FindPlace(options.device, options.threads, session);
  const at::Device device = place.device;
  at::set_num_threads(place.threads);
  Tell("joined", {{"rank", session.rank()},
                  {"world", session.world()},
                  {"host", HostName()},
                  {"device", device.str()},
                  {"cpus", place.cpus},
                  {"threads", place.threads}});
  const std::unique_ptr<Collective> collective = MakeCollective(session, device);
  Reduce(*collective, options.elements, device, session);
  session.Barrier();
  Tell("speed", {{"rank", session.rank()},
                 {"float32", GflopsOf(at::kFloat, device)},
                 {"bfloat16", GflopsOf(at::kBFloat16, device)}});
  session.Barrier();
}

}  // namespace strata
