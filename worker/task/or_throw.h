// Turns a Status that ends a worker's task into the exception that its door catches.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace strata {

// Throws std::runtime_error with the status's message unless it is OK.
inline void OrThrow(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
}

template <typename T>
T OrThrow(absl::StatusOr<T> result) {
  OrThrow(result.status());
  return *std::move(result);
}

}  // namespace strata
