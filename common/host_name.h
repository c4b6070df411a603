// Names this host as its ranks, its table and its certificate do.
#pragma once

#include <string>

namespace strata {

// gethostname(2), at most 255 bytes; "" where the system tells none.
std::string HostName();

}  // namespace strata
