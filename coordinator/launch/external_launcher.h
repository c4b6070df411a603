// Starts nothing: the user starts the workers, by an mpirun or a job of his own, and they join.
// Takes a Launch, gives a group of which no process is known here.
//
// Lifecycle: the end of such a group can't be seen, and it can't be ended by force: its ranks leave
// when the coordinator refuses them, or when their lease is over.
#pragma once

#include "coordinator/launch/launcher.h"

namespace strata {

class ExternalLauncher final : public Launcher {
 public:
  std::string_view name() const override { return "external"; }
  absl::Status Check(const Launch&) const override { return absl::OkStatus(); }
  absl::StatusOr<std::unique_ptr<WorkerGroup>> Start(const Launch& launch) override;
  bool leaves_this_machine() const override { return true; }
  bool waits_for_user() const override { return true; }
};

}  // namespace strata
