#include "worker/collective/nccl_collective.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <nccl.h>

#include <cstring>
#include <stdexcept>
#include <string>

namespace strata {
namespace {

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
  }
  ~NcclCollective() override { ncclCommDestroy(comm_); }

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
  int rank_, world_;
  at::Device device_;
  ncclComm_t comm_ = nullptr;
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
