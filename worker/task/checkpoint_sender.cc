#include "worker/task/checkpoint_sender.h"

#include <ATen/ATen.h>

#include <chrono>
#include <cstring>
#include <stdexcept>

#include "common/train_state_bytes.h"
#include "worker/task/or_throw.h"

namespace strata {
namespace {

// The state's bytes, in parts that it owns.
std::vector<std::string_view> PiecesOf(const std::string& header, const TrainState& state) {
  std::vector<std::string_view> pieces = {header};
  for (const at::Tensor& section_N : state.sections_N)
    pieces.emplace_back(static_cast<const char*>(section_N.const_data_ptr()), section_N.nbytes());
  return pieces;
}

void SendState(CoordinatorClient* client, int rank, const TrainState& state) {
  const std::string header = EncodeTrainStateHeader(state.header);
  const std::vector<std::string_view> pieces = PiecesOf(header, state);
  Sha256 hash;
  for (const std::string_view piece : pieces) hash.Update(piece);
  const SavedState saved{{state.header.stage, state.header.epoch, state.header.step},
                         TrainStateBytes(state.header),
                         hash.Finish()};
  const absl::Status sent =
      rank == 0 ? client->SendCheckpoint(saved, pieces) : client->ProveCheckpoint(saved);
  // The coordinator has no room and says so to the user; the training goes on without it.
  if (absl::IsResourceExhausted(sent)) return;
  OrThrow(sent);
}

}  // namespace

CheckpointSender::~CheckpointSender() {
  if (sending_.valid()) sending_.wait();
}

void CheckpointSender::Wait() {
  if (sending_.valid()) sending_.get();
}

bool CheckpointSender::idle() {
  if (sending_.valid() && sending_.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
    return false;
  Wait();
  return true;
}

void CheckpointSender::Send(TrainState state) {
  Wait();
  sending_ =
      std::async(std::launch::async, [client = client_, rank = rank_, state = std::move(state)] {
        SendState(client, rank, state);
      });
}

TrainState FetchTrainState(CoordinatorClient* client) {
  const std::string bytes = OrThrow(client->FetchCheckpoint());
  const TrainStateHeader header = OrThrow(DecodeTrainStateHeader(bytes));
  const SavedState& announced = *client->task().resume;
  if (header.elements != client->task().adapter_elements ||
      TrainStateBytes(header) != bytes.size() || header.stage != announced.next.stage ||
      header.epoch != announced.next.epoch || header.step != announced.next.step) {
    throw std::runtime_error("the checkpoint is not of this task: train --restart begins anew");
  }
  TrainState state;
  state.header = header;
  const char* at = bytes.data() + TrainStateHeaderBytes();
  for (uint32_t section = 0; section < SectionsOf(header); ++section) {
    at::Tensor values_N = at::empty({static_cast<int64_t>(header.elements)}, at::kFloat);
    std::memcpy(values_N.mutable_data_ptr(), at, values_N.nbytes());
    at += values_N.nbytes();
    state.sections_N.push_back(std::move(values_N));
  }
  return state;
}

}  // namespace strata
