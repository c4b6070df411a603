// Sums over ranks through MPI, for tensors on the CPU. Made by make_collective.h.
//
// Model: MPI promises no order of addition, so the order is our own: each rank gets its slice of
// the buffer from all, adds in the order of ranks, and gathers the sums. An element is added up in
// one place only, so all ranks get the same bits, and the same again on every repeat.
#pragma once

#include <vector>

#include "worker/collective/mpi_session.h"
#include "worker/train/training.h"

namespace strata {

class MpiCollective : public Collective {
 public:
  // REQUIRES: the session outlives it.
  explicit MpiCollective(MpiSession& session) : session_(session) {}
  int rank() const override { return session_.rank(); }
  int world() const override { return session_.world(); }
  // Throws std::invalid_argument for what is not a contiguous fp32 tensor on the CPU,
  // std::runtime_error from MPI.
  void SumInPlace(at::Tensor& flat_N) override;

 private:
  void SumChunk(float* values, int64_t count);

  MpiSession& session_;
  std::vector<float> received_;
};

}  // namespace strata
