// Starts a group of workers by mpirun and watches over it. The door to processes.
// Takes a Launch, gives the run a WorkerGroup.
//
// Lifecycle: mpirun leads a session of its own, so that a Ctrl-C meant for strata does not kill the
// ranks; when strata dies, the kernel ends mpirun (parent-death signal), and ranks that outlive it
// lose their lease and end themselves. Threads: Start from a thread that lives as long as the
// group: the parent-death signal is bound to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace strata {

// For every launch of ranks that compute. libgomp's threads spin for milliseconds by default: on
// shared cores they take from one another what they wait for.
inline const std::pair<std::string, std::string> kShortSpin = {"GOMP_SPINCOUNT", "10000"};

struct Launch {
  std::string mpirun = "mpirun";  // found on PATH, or absolute
  std::vector<std::string> mpirun_args;
  int ranks = 1;
  int threads = 1;                     // of each rank
  std::filesystem::path worker;        // the program
  std::vector<std::string> arguments;  // of the worker
  std::vector<std::pair<std::string, std::string>>
      environment;            // passed to every rank, never on a command line
  std::filesystem::path log;  // stdout and stderr of all ranks
};

struct GroupExit {
  bool clean = false;  // exit status 0
  std::string how;     // "mpirun's exit status 1", with the rank that mpirun says died of a signal
};

class WorkerGroup {
 public:
  // Errors as CheckPrograms and CheckOpenFiles; UNAVAILABLE when it can't be started.
  static absl::StatusOr<std::unique_ptr<WorkerGroup>> Start(const Launch& launch);
  // Ends the group if it has not ended.
  ~WorkerGroup();
  // mpirun's end, once; none while it lives. What mpirun leaves of its session is killed.
  std::optional<GroupExit> Poll();
  // False once Poll has given its end.
  bool alive() const { return pid_ >= 0; }
  // TERM to mpirun, which passes it on; after `grace_s` seconds KILL. Returns when mpirun is gone
  // and its whole session was sent KILL.
  void End(int grace_s);

 private:
  WorkerGroup(int pid, std::filesystem::path log, uint64_t log_begin)
      : pid_(pid), log_(std::move(log)), log_begin_(log_begin) {}
  int pid_;  // of mpirun and its session; -1 once reaped
  std::filesystem::path log_;
  uint64_t log_begin_;  // where this group's words begin in it
};

// NOT_FOUND when mpirun or the worker is missing, saying what to install.
absl::Status CheckPrograms(const std::string& mpirun, const std::filesystem::path& worker);

// "rank 1 on node7 died of signal 9 (Killed)": what mpirun wrote of the first rank that it lost;
// "" when it wrote of none.
std::string RankThatDied(const std::string& words_of_mpirun);

// The absolute path of a program on PATH (or as given, when it has a slash); "" when there is none.
std::filesystem::path FindProgram(const std::string& name);

}  // namespace strata
