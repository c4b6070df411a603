// Leaves what workers join a run by in files, for a user who starts them himself; and says how.
// Takes the driver's JoinAddress; gone with the run.
//
// Errors: as FileSystem. The files are for this user alone.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/run/run_driver.h"

namespace strata {

// What the settings have a worker told, beside where it joins.
struct JoinCommand {
  std::vector<std::string> arguments;   // of the worker
  std::vector<std::string> worker_env;  // NAME=VALUE, or NAME of the user's environment
  std::string network_interface;        // "" is none
};

class JoinFiles {
 public:
  // Of a run: runs/<run>/join.
  explicit JoinFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}
  // Removes them.
  ~JoinFiles();
  JoinFiles(const JoinFiles&) = delete;
  JoinFiles& operator=(const JoinFiles&) = delete;
  // token, and certificate.pem where TLS is spoken.
  absl::Status Write(const JoinAddress& join);
  // The command that starts the workers, with what it stands on.
  std::string Invitation(const JoinAddress& join, const JoinCommand& command) const;

 private:
  const std::filesystem::path folder_;
};

}  // namespace strata
