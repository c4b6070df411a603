// Makes safetensors files byte by byte, so that a test decides their order, kinds and metadata.
#pragma once

#include <string>
#include <vector>

#include "common/json.h"

namespace strata {

struct WeightToWrite {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::string bytes;
};

// The tensors lie in the file as they are given.
inline std::string WeightFile(const std::vector<WeightToWrite>& weights,
                              const Json& metadata = {{"format", "pt"}}) {
  Json header = {{"__metadata__", metadata}};
  std::string data;
  for (const WeightToWrite& weight : weights) {
    header[weight.name] = {{"dtype", weight.dtype},
                           {"shape", weight.shape},
                           {"data_offsets", {data.size(), data.size() + weight.bytes.size()}}};
    data += weight.bytes;
  }
  const std::string json = DumpJson(header);
  const uint64_t length = json.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + json + data;
}

template <typename T>
std::string BytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace strata
