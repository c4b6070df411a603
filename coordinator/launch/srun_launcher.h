// Starts workers as a step of the Slurm allocation that strata itself runs in.
// Takes a Launch, gives a LaunchedGroup.
#pragma once

#include "coordinator/launch/launcher.h"

namespace strata {

class SrunLauncher final : public Launcher {
 public:
  explicit SrunLauncher(LauncherSettings settings) : settings_(std::move(settings)) {}
  std::string_view name() const override { return "srun"; }
  // Also FAILED_PRECONDITION when srun has no PMI.
  absl::Status Check(const Launch& launch) const override;
  absl::StatusOr<std::unique_ptr<WorkerGroup>> Start(const Launch& launch) override;
  bool leaves_this_machine() const override { return true; }

 private:
  std::vector<std::string> CommandOf(const Launch& launch, const std::string& pmi) const;

  LauncherSettings settings_;
};

// Whether srun can start ranks of any Open MPI here: all have PMIx, few PMI2, which is therefore
// for who asks for srun himself.
bool SrunHasPmix();

// What `srun --mpi=list` prints → the PMI to ask for: "pmix" or, failing that, "pmi2"; "" when it
// has neither.
std::string PmiOf(const std::string& listed);

// "rank 1 on node7 died of signal 9 (Killed)": what srun wrote of the first task that it lost to a
// signal; "" when it wrote of none.
std::string TaskThatDied(const std::string& words_of_srun);

// That or, when no task died, the first error that srun wrote; "".
std::string WhySrunEnded(const std::string& words_of_srun);

}  // namespace strata
