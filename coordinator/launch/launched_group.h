// A group of workers that lives and dies with one program of this machine: mpirun, or srun. The
// door to processes. Made by the launchers, which know that program's words.
//
// Lifecycle: the program leads a session of its own, so that a Ctrl-C meant for strata does not
// kill the ranks; when strata dies, the kernel ends the program (parent-death signal), and ranks
// that outlive it lose their lease and end themselves. Threads: Start from a thread that lives as
// long as the group: the parent-death signal is bound to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/launch/worker_group.h"

namespace strata {

// From what the program and its ranks wrote since it was started, why it ended badly: "rank 1 on
// node7 died of signal 9 (Killed)" of the first rank that it lost, or what kept it from starting
// them; "" when it wrote of neither.
using WhyEnded = std::function<std::string(const std::string& words)>;

struct LaunchProgram {
  std::string name;                  // for people
  std::vector<std::string> command;  // begins with the program's absolute path
  std::vector<std::pair<std::string, std::string>> environment;  // beside and over the inherited
  std::vector<std::string> without;  // beginnings of inherited variables that are left out
  std::filesystem::path log;
  WhyEnded why_ended;
};

class LaunchedGroup final : public WorkerGroup {
 public:
  // UNAVAILABLE when the log can't be written or the program can't be started.
  static absl::StatusOr<std::unique_ptr<WorkerGroup>> Start(const LaunchProgram& program);
  ~LaunchedGroup() override;
  // What the program leaves of its session is killed.
  std::optional<GroupExit> Poll() override;
  bool alive() const override { return pid_ >= 0; }
  // TERM to the program, which passes it on; after `grace_s` seconds KILL. Returns when it is gone
  // and its whole session was sent KILL.
  void End(int grace_s) override;

 private:
  LaunchedGroup(int pid, LaunchProgram program, uint64_t log_begin)
      : pid_(pid), program_(std::move(program)), log_begin_(log_begin) {}
  int pid_;  // of the program and its session; -1 once reaped
  LaunchProgram program_;
  uint64_t log_begin_;  // where this group's words begin in the log
};

}  // namespace strata
