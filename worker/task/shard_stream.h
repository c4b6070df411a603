// Brings a task's steps from the coordinator, a window at a time and the next window ahead, so that
// training never waits for the wire. Takes a CoordinatorClient, gives the loop its StepSource.
#pragma once

#include <future>
#include <vector>

#include "worker/task/coordinator_client.h"
#include "worker/train/training.h"

namespace strata {

class ShardStream final : public StepSource {
 public:
  // `client` outlives this.
  explicit ShardStream(CoordinatorClient* client) : client_(client) {}
  // Throws std::runtime_error with the coordinator's words.
  StepWork Fetch(StagePosition position) override;
  // Windows of held-out rows are fetched when they are asked for: what is trained stays ahead.
  StepWork FetchHeldOut(uint32_t stage, uint32_t step) override;

 private:
  struct Window {
    StagePosition first;
    std::vector<StepWork> steps;
  };
  Window FetchWindow(StagePosition first) const;
  // Where the window after `window` begins; false after the task's last.
  bool Following(const Window& window, StagePosition* first) const;

  CoordinatorClient* const client_;
  Window window_, held_out_;
  std::future<Window> ahead_;
};

}  // namespace strata
