#include "coordinator/run/launcher_choice.h"

#include <map>
#include <utility>

#include "coordinator/run/preparation.h"

namespace strata {
namespace {

LauncherSettings SettingsOf(const Config& config) {
  LauncherSettings settings;
  settings.mpirun = config.mpirun;
  settings.mpirun_args = config.mpirun_args;
  settings.worker_env = config.worker_env;
  return settings;
}

}  // namespace

std::unique_ptr<Launcher> LauncherOf(const Config& config) {
  static const std::map<std::string, LauncherKind> kinds = {{"auto", LauncherKind::kAuto},
                                                            {"local", LauncherKind::kLocal},
                                                            {"mpirun", LauncherKind::kMpirun},
                                                            {"srun", LauncherKind::kSrun},
                                                            {"external", LauncherKind::kExternal}};
  LauncherSettings settings = SettingsOf(config);
  settings.kind = kinds.at(config.launcher);
  settings.hosts = config.hosts;
  settings.hostfile = config.hostfile;
  settings.srun_args = config.srun_args;
  settings.network_interface = config.network_interface;
  return MakeLauncher(std::move(settings));
}

Launch LaunchOf(const Config& config, const std::filesystem::path& folder) {
  return {.ranks = static_cast<int>(config.workers),
          .worker = WorkerProgram(),
          .arguments = {"--device", config.device, "--log-format", config.log_format},
          .environment = {},
          .log = folder / "worker.log"};
}

std::unique_ptr<Launcher> LocalLauncher(const Config& config) {
  return MakeLauncher(SettingsOf(config));
}

}  // namespace strata
