// Starts workers by Open MPI's mpirun: on this machine, or over hosts.
// Takes a Launch, gives a LaunchedGroup.
#pragma once

#include "coordinator/launch/launcher.h"

namespace strata {

class MpirunLauncher final : public Launcher {
 public:
  // Of `settings.kind` kLocal keeps to this machine; kMpirun takes the hosts, or else those of a
  // Slurm allocation, which mpirun finds by itself.
  explicit MpirunLauncher(LauncherSettings settings) : settings_(std::move(settings)) {}
  std::string_view name() const override { return "mpirun"; }
  absl::Status Check(const Launch& launch) const override;
  absl::StatusOr<std::unique_ptr<WorkerGroup>> Start(const Launch& launch) override;
  bool leaves_this_machine() const override;

 private:
  std::vector<std::string> CommandOf(const Launch& launch) const;

  LauncherSettings settings_;
};

// "rank 1 on node7 died of signal 9 (Killed)": what mpirun wrote of the first rank that it lost;
// "" when it wrote of none.
std::string RankThatDied(const std::string& words_of_mpirun);

// That or, when no rank died, what ssh or mpirun wrote that kept the ranks from being started; "".
std::string WhyMpirunEnded(const std::string& words);

}  // namespace strata
