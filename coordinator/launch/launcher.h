// Starts the workers of an attempt: on this machine, over hosts by mpirun, in a Slurm allocation by
// srun, or not at all, when the user does it. One interface, one contract suite.
// Takes a Launch, gives the RunDriver a WorkerGroup.
//
// Model: strata never reaches into another machine itself; a launcher's own program does, and ends
// there what it started. What outlives it loses its lease and ends by itself.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/launch/launch.h"
#include "coordinator/launch/worker_group.h"

namespace strata {

enum class LauncherKind {
  kAuto,    // kMpirun with hosts; in a Slurm allocation kSrun, or kMpirun without PMIx; else kLocal
  kLocal,   // mpirun, on this machine alone, also within an allocation
  kMpirun,  // mpirun, over the hosts named or, without any, those of the allocation
  kSrun,    // srun, over the tasks of the allocation
  kExternal,  // nobody: the user starts the workers
};

struct LauncherSettings {
  LauncherKind kind = LauncherKind::kLocal;
  std::string mpirun = "mpirun";  // found on PATH, or absolute
  std::vector<std::string> mpirun_args;
  std::vector<std::string> hosts;  // HOST or HOST:SLOTS
  std::filesystem::path hostfile;  // of Open MPI; "" is none
  std::vector<std::string> srun_args;
  // NAME=VALUE, or NAME of this process's environment.
  std::vector<std::string> worker_env;
  std::string network_interface;  // that hosts share; "" leaves the choice to MPI and NCCL
};

class Launcher {
 public:
  virtual ~Launcher() = default;
  // "mpirun", "srun", "external"
  virtual std::string_view name() const = 0;
  // OK when workers could be started here. NOT_FOUND, saying what to install, when a program is
  // missing; UNAVAILABLE for too few open files; FAILED_PRECONDITION outside an allocation.
  virtual absl::Status Check(const Launch& launch) const = 0;
  // Errors as Check; UNAVAILABLE when it can't be started. Called from a thread that lives as long
  // as the group.
  virtual absl::StatusOr<std::unique_ptr<WorkerGroup>> Start(const Launch& launch) = 0;
  // Workers may be on other machines: loopback does not reach the coordinator.
  virtual bool leaves_this_machine() const = 0;
  // How long the first worker may take to come is the user's affair.
  virtual bool waits_for_user() const { return false; }
};

// The launcher that the settings, and for kAuto the environment, ask for.
std::unique_ptr<Launcher> MakeLauncher(LauncherSettings settings);

}  // namespace strata
