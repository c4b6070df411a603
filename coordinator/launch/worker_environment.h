// What every launcher hands to the workers beside the launch itself, and asks of it before.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/launch/launcher.h"

namespace strata {

// Of Open MPI: what keeps its daemons, and its ranks, to a network interface.
inline constexpr const char* kInterfaceParameters[] = {"oob_tcp_if_include", "btl_tcp_if_include"};

// The launch's environment and, over it, that of `settings`: worker_env, and what tells NCCL of
// network_interface. A NAME that this process does not have is left out.
std::vector<std::pair<std::string, std::string>> EnvironmentOfWorkers(
    const LauncherSettings& settings, const Launch& launch);

// NOT_FOUND when the worker's program is missing here, saying what to build.
absl::Status CheckWorker(const Launch& launch);

}  // namespace strata
