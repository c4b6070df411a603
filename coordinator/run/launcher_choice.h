// Makes the launcher that branch.yaml asks for, and says what it starts. Takes a Config, gives the
// RunDriver its Launcher.
#pragma once

#include <filesystem>
#include <memory>

#include "coordinator/config/config.h"
#include "coordinator/launch/launcher.h"

namespace strata {

std::unique_ptr<Launcher> LauncherOf(const Config& config);

// The workers of a training whose files are in `folder`.
Launch LaunchOf(const Config& config, const std::filesystem::path& folder);

// For a worker that strata needs beside it: to evaluate, to generate.
std::unique_ptr<Launcher> LocalLauncher(const Config& config);

}  // namespace strata
