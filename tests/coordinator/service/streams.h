// Gives the service's tests the streams that a worker sends and takes.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "coordinator/core/run_events.h"
#include "strata/v1/training.pb.h"

namespace strata {

inline std::string BytesOf(const std::vector<float>& adapter) {
  return {reinterpret_cast<const char*>(adapter.data()), adapter.size() * sizeof(float)};
}

inline void SetPlace(const Position& at, v1::Position* message) {
  message->set_stage(at.stage);
  message->set_epoch(at.epoch);
  message->set_step(at.step);
}

// Bytes in pieces of `piece`, each with its offset; the first says who sends them.
template <typename Message>
std::vector<Message> InPieces(const v1::Caller& caller, const std::string& bytes, size_t piece) {
  std::vector<Message> stream;
  for (size_t offset = 0; offset < bytes.size(); offset += piece) {
    v1::Chunk* chunk = stream.emplace_back().mutable_chunk();
    chunk->set_offset(offset);
    chunk->set_data(bytes.substr(offset, piece));
  }
  *stream.front().mutable_caller() = caller;
  return stream;
}

// As far as the peer takes it; how the call ended.
template <typename Message>
grpc::Status WriteAll(std::unique_ptr<grpc::ClientWriter<Message>> writer,
                      const std::vector<Message>& stream) {
  for (const Message& message : stream) {
    if (!writer->Write(message)) break;
  }
  writer->WritesDone();
  return writer->Finish();
}

template <typename Message>
grpc::Status Drain(std::unique_ptr<grpc::ClientReader<Message>> reader,
                   std::vector<Message>* messages) {
  for (Message message; reader->Read(&message);) messages->push_back(message);
  return reader->Finish();
}

}  // namespace strata
