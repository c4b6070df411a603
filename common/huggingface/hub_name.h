// Tells names of the Hugging Face Hub from paths of this machine.
#pragma once

#include <string>

namespace strata {

// "org/name", as the Hub has it; a path is none.
bool IsHubName(const std::string& name);

}  // namespace strata
