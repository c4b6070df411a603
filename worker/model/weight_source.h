// Gives the frozen weights of a base model by their Hugging Face names. The decoder takes it; who
// reads the files, and from where, is decided outside (worker/base maps safetensors, tests keep
// vectors).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace strata {

struct WeightView {
  std::string dtype;           // "F32", "BF16" or "F16"
  std::vector<int64_t> shape;  // row-major
  const void* data = nullptr;  // perhaps unaligned; lives as long as the source
};

class WeightSource {
 public:
  virtual ~WeightSource() = default;
  // Throws std::runtime_error that names the weight when there is none.
  virtual WeightView Get(const std::string& name) const = 0;
  virtual bool Has(const std::string& name) const = 0;
};

}  // namespace strata
