// Tells the heartbeats when this rank waits for the others and how long it computes between two
// reductions, so that the coordinator can name who hangs and who is slow. Wraps the Collective that
// a task trains with.
#pragma once

#include <ATen/ATen.h>

#include <chrono>

#include "worker/task/coordinator_client.h"
#include "worker/train/training.h"

namespace strata {

class WatchedCollective final : public Collective {
 public:
  // Both outlive this.
  WatchedCollective(Collective* collective, WorkerProgress* progress)
      : collective_(collective), progress_(progress) {}
  int rank() const override { return collective_->rank(); }
  int world() const override { return collective_->world(); }
  void SumInPlace(at::Tensor& flat_N) override {
    using std::chrono::milliseconds;
    const auto entered = std::chrono::steady_clock::now();
    if (progress_->reductions > 0) {
      progress_->busy_ms +=
          static_cast<uint64_t>(std::chrono::duration_cast<milliseconds>(entered - left_).count());
    }
    progress_->in_collective = true;
    collective_->SumInPlace(flat_N);
    // A device's sum is only ordered so far; the loop waits for it next in any case.
    if (!flat_N.is_cpu()) flat_N.narrow(0, flat_N.numel() - 1, 1).item<float>();
    progress_->in_collective = false;
    ++progress_->reductions;
    ++progress_->headway;
    left_ = std::chrono::steady_clock::now();
  }

 private:
  Collective* const collective_;
  WorkerProgress* const progress_;
  std::chrono::steady_clock::time_point left_;
};

}  // namespace strata
