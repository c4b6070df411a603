#include "coordinator/launch/launcher.h"

#include <cstdlib>

#include "coordinator/launch/external_launcher.h"
#include "coordinator/launch/mpirun_launcher.h"
#include "coordinator/launch/srun_launcher.h"

namespace strata {
namespace {

LauncherKind Resolved(const LauncherSettings& settings) {
  if (settings.kind != LauncherKind::kAuto) return settings.kind;
  if (!settings.hosts.empty() || !settings.hostfile.empty()) return LauncherKind::kMpirun;
  if (std::getenv("SLURM_JOB_ID") == nullptr) return LauncherKind::kLocal;
  return SrunHasPmix() ? LauncherKind::kSrun : LauncherKind::kMpirun;
}

}  // namespace

std::unique_ptr<Launcher> MakeLauncher(LauncherSettings settings) {
  settings.kind = Resolved(settings);
  switch (settings.kind) {
    case LauncherKind::kSrun:
      return std::make_unique<SrunLauncher>(std::move(settings));
    case LauncherKind::kExternal:
      return std::make_unique<ExternalLauncher>();
    default:
      return std::make_unique<MpirunLauncher>(std::move(settings));
  }
}

}  // namespace strata
