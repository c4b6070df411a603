#include "worker/model/keep_mask_kernel.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <nvrtc.h>

#include <stdexcept>

#include "common/keyed_random.h"

namespace strata {
namespace {

constexpr char kName[] = "StrataKeepMask";
constexpr char kArchitecture[] = "--gpu-architecture=compute_75";
constexpr unsigned kThreads = 256;  // of a block
constexpr int64_t kLanes = 8;       // channels of a thread

void Require(cudaError_t result, const char* what) {
  if (result != cudaSuccess)
    throw std::runtime_error(std::string(what) + " failed: " + cudaGetErrorString(result));
}

void Require(nvrtcResult result, const char* what) {
  if (result != NVRTC_SUCCESS)
    throw std::runtime_error(std::string(what) + " failed: " + nvrtcGetErrorString(result));
}

std::string LogOf(nvrtcProgram program) {
  size_t bytes = 0;
  if (nvrtcGetProgramLogSize(program, &bytes) != NVRTC_SUCCESS || bytes == 0) return "";
  std::string log(bytes, '\0');
  nvrtcGetProgramLog(program, log.data());
  return log;
}

}  // namespace

struct KeepMaskKernel::Library {
  cudaLibrary_t library = nullptr;
  cudaKernel_t kernel = nullptr;
};

std::string KeepMaskKernel::Ptx() {
  nvrtcProgram program = nullptr;
  Require(nvrtcCreateProgram(&program, Source(), "keep_mask_kernel.cuh", 0, nullptr, nullptr),
          "nvrtcCreateProgram");
  const char* options[] = {kArchitecture};
  const nvrtcResult compiled = nvrtcCompileProgram(program, 1, options);
  std::string ptx;
  size_t bytes = 0;
  if (compiled == NVRTC_SUCCESS && nvrtcGetPTXSize(program, &bytes) == NVRTC_SUCCESS) {
    ptx.resize(bytes);
    nvrtcGetPTX(program, ptx.data());
  }
  const std::string log = LogOf(program);
  nvrtcDestroyProgram(&program);
  Require(compiled, ("the dropout kernel's compilation (" + log + ")").c_str());
  return ptx;
}

KeepMaskKernel::KeepMaskKernel() : library_(std::make_unique<Library>()) {
  const std::string ptx = Ptx();
  Require(cudaLibraryLoadData(&library_->library, ptx.c_str(), nullptr, nullptr, 0, nullptr,
                              nullptr, 0),
          "loading the dropout kernel");
  Require(cudaLibraryGetKernel(&library_->kernel, library_->library, kName),
          "finding the dropout kernel");
}

KeepMaskKernel::~KeepMaskKernel() {
  if (library_->library != nullptr) cudaLibraryUnload(library_->library);
}

at::Tensor KeepMaskKernel::Mask(const MaskPurpose& purpose, DropoutRate rate,
                                const at::Tensor& places_T2, int64_t channels) const {
  const c10::cuda::CUDAGuard guard(places_T2.device());
  long long tokens = places_T2.size(0), wide = channels;
  at::Tensor mask = at::empty({places_T2.size(0), channels}, places_T2.options().dtype(at::kByte));
  const int64_t threads = places_T2.size(0) * ((channels + kLanes - 1) / kLanes);
  if (threads == 0) return mask;
  PhiloxKey key = PhiloxKeyOf(purpose.step_key);
  unsigned projection = purpose.projection, keep = rate.keep;
  const void* places = places_T2.const_data_ptr();
  void* out = mask.data_ptr();
  void* arguments[] = {&places, &tokens, &wide, &projection, &key[0], &key[1], &keep, &out};
  const auto blocks = static_cast<unsigned>((threads + kThreads - 1) / kThreads);
  Require(cudaLaunchKernel(reinterpret_cast<const void*>(library_->kernel), dim3(blocks),
                           dim3(kThreads), arguments, 0, c10::cuda::getCurrentCUDAStream()),
          "launching the dropout kernel");
  return mask;
}

}  // namespace strata
