// Finds the device that a user names: "cpu" or "cuda", the first one.
#pragma once

#include <c10/core/Device.h>

#include <stdexcept>
#include <string>

namespace strata {

// Says what is missing and what to do.
struct NoDevice : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Throws NoDevice when this machine or this build has none of it, std::invalid_argument for another
// name.
at::Device NamedDevice(const std::string& name);

// Leaves cuDNN's attention alone, as the worker does: it makes a plan for every new shape.
void PrepareLibtorch();

}  // namespace strata
