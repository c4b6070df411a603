// Says beforehand how long a run will take, from what this branch's last run measured. `strata
// plan` prints it.
#pragma once

#include <filesystem>
#include <string>

namespace strata {

// Tokens of the steps by their seconds, of the last run in `runs` that trained on `device` ("cpu",
// "cuda"; "auto" takes any); 0 when there is none.
double MeasuredTokensPerSecond(const std::filesystem::path& runs, const std::string& device);

}  // namespace strata
