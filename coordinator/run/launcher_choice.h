// Makes the launcher that branch.yaml asks for. Takes a Config, gives the RunDriver its Launcher.
#pragma once

#include <memory>

#include "coordinator/config/config.h"
#include "coordinator/launch/launcher.h"

namespace strata {

std::unique_ptr<Launcher> LauncherOf(const Config& config);

// For a worker that strata needs beside it: to evaluate, to generate.
std::unique_ptr<Launcher> LocalLauncher(const Config& config);

}  // namespace strata
