// Brings a training's state to the coordinator while the training goes on: rank 0 sends the bytes,
// every other rank their digest. Takes what the loop's OnCheckpoint is given.
//
// Threads: one at a time calls; the sending has a thread of its own. Errors: what the sending met
// is thrown, as std::runtime_error, by the next call.
#pragma once

#include <future>

#include "worker/task/coordinator_client.h"
#include "worker/train/training.h"

namespace strata {

class CheckpointSender {
 public:
  // `client` outlives this.
  CheckpointSender(CoordinatorClient* client, int rank) : client_(client), rank_(rank) {}
  // Waits for what is on its way.
  ~CheckpointSender();
  // Nothing is on its way.
  bool idle();
  // Begins to send; waits before that for what is on its way.
  void Send(TrainState state);
  // Returns when what is on its way has arrived.
  void Wait();

 private:
  CoordinatorClient* const client_;
  const int rank_;
  std::future<void> sending_;
};

// The state that the coordinator announced in task().resume. Throws std::runtime_error when it
// can't be had or is none of this task's.
TrainState FetchTrainState(CoordinatorClient* client);

}  // namespace strata
