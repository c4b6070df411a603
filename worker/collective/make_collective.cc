#include "worker/collective/make_collective.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "worker/collective/mpi_collective.h"
#ifdef STRATA_WITH_CUDA
#include "worker/collective/nccl_collective.h"
#endif

namespace strata {

std::unique_ptr<Collective> MakeCollective(
    MpiSession& session, at::Device device,
    [[maybe_unused]] const std::function<void(const std::string& reason)>& on_failure) {
  if (device.is_cpu()) return std::make_unique<MpiCollective>(session);
#ifdef STRATA_WITH_CUDA
  if (device.is_cuda()) {
    const auto broadcast = [&session](std::string bytes) {
      return session.BroadcastBytes(std::move(bytes));
    };
    return MakeNcclCollective(
        {session.rank(), session.world(), session.local_world(), broadcast, on_failure}, device);
  }
#endif
  throw std::runtime_error("no way to add up gradients on device " + device.str() +
                           "; this worker was built for the CPU only: see STRATA_CUDA");
}

}  // namespace strata
