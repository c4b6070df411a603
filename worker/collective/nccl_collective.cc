#include "worker/collective/nccl_collective.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <nccl.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

namespace strata {
namespace {

constexpr std::chrono::milliseconds kWatchEvery{500};

void Require(ncclResult_t result, const char* what) {
  if (result != ncclSuccess)
    throw std::runtime_error(std::string(what) + " failed: " + ncclGetErrorString(result) + " (" +
                             ncclGetLastError(nullptr) + "); NCCL_DEBUG=WARN says more");
}

ncclUniqueId AgreedId(const NcclGroup& group) {
  ncclUniqueId id;
  std::string bytes;
  if (group.rank == 0) {
    Require(ncclGetUniqueId(&id), "ncclGetUniqueId");
    bytes.assign(id.internal, sizeof(id.internal));
  }
  bytes = group.broadcast_bytes(bytes);
  std::memcpy(id.internal, bytes.data(), sizeof(id.internal));
  return id;
}

class NcclCollective : public Collective {
 public:
  NcclCollective(const NcclGroup& group, at::Device device)
      : rank_(group.rank), world_(group.world), device_(device) {
    const c10::cuda::CUDAGuard guard(device_);
    Require(ncclCommInitRank(&comm_, world_, AgreedId(group), rank_), "ncclCommInitRank");
    if (group.on_failure != nullptr)
      watch_ = std::thread([this, on_failure = group.on_failure] { Watch(on_failure); });
  }
  ~NcclCollective() override {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_one();
    if (watch_.joinable()) watch_.join();
    if (!aborted_) ncclCommDestroy(comm_);
  }

  int rank() const override { return rank_; }
  int world() const override { return world_; }

  void SumInPlace(at::Tensor& flat_N) override {
    if (!flat_N.is_cuda() || flat_N.scalar_type() != at::kFloat || !flat_N.is_contiguous())
      throw std::invalid_argument("NCCL reduces contiguous fp32 tensors on a CUDA device only");
    const c10::cuda::CUDAGuard guard(device_);
    const auto stream = c10::cuda::getCurrentCUDAStream(device_.index());
    float* const values = flat_N.data_ptr<float>();
    Require(ncclAllReduce(values, values, static_cast<size_t>(flat_N.numel()), ncclFloat, ncclSum,
                          comm_, stream.stream()),
            "ncclAllReduce");
  }

 private:
  // A failed sum never ends by itself: NCCL only notes the failure.
  void Watch(const std::function<void(const std::string&)>& on_failure) {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, kWatchEvery, [this] { return closing_; })) {
      ncclResult_t state = ncclSuccess;
      const ncclResult_t asked = ncclCommGetAsyncError(comm_, &state);
      if (asked == ncclSuccess && (state == ncclSuccess || state == ncclInProgress)) continue;
      const ncclResult_t failed = asked != ncclSuccess ? asked : state;
      const std::string reason = std::string("NCCL failed: ") + ncclGetErrorString(failed) + " (" +
                                 ncclGetLastError(comm_) + "); NCCL_DEBUG=WARN says more";
      aborted_ = true;
      ncclCommAbort(comm_);
      lock.unlock();
      return on_failure(reason);
    }
  }

  int rank_, world_;
  at::Device device_;
  ncclComm_t comm_ = nullptr;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool closing_ = false, aborted_ = false;  // guarded by mutex_
  std::thread watch_;
};

}  // namespace

std::unique_ptr<Collective> MakeNcclCollective(const NcclGroup& group, at::Device device) {
  const int devices = c10::cuda::device_count();
  if (group.local_world > devices) {
    throw std::runtime_error(
        "this host has fewer CUDA devices than ranks: " + std::to_string(devices) + " devices, " +
        std::to_string(group.local_world) + " ranks; start at most one rank per device");
  }
  return std::make_unique<NcclCollective>(group, device);
}

}  // namespace strata
