// Fails or dies at a chosen system call of a change: what crash tests enumerate.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>

#include "common/posix_file.h"

namespace strata {

inline constexpr int kKilled = 137;

enum class Fault { kOnce, kFromThenOn, kKill };

class FaultyFileSystem : public FileSystem {
 public:
  FaultyFileSystem(int nth, Fault fault,
                   absl::Status error = absl::ResourceExhaustedError("no space left on device"))
      : left_(nth), fault_(fault), error_(std::move(error)) {}
  bool struck() const { return left_ <= 0; }
  const std::string& first() const { return first_; }  // the call that failed first

 protected:
  absl::Status Before(std::string_view operation, const std::filesystem::path& path) override {
    --left_;
    if (left_ == 0) first_ = std::string(operation) + " " + path.filename().string();
    const bool strikes = left_ == 0 || (left_ < 0 && fault_ == Fault::kFromThenOn);
    if (!strikes) return absl::OkStatus();
    if (fault_ == Fault::kKill) _exit(kKilled);
    return error_;
  }

 private:
  int left_;
  Fault fault_;
  absl::Status error_;
  std::string first_;
};

// Has a process of its own make `change` and die at its Nth call. False once the change ran to its
// end before that call came.
inline bool KilledAt(int nth, const std::function<void(FileSystem*)>& change) {
  const pid_t child = fork();
  if (child == 0) {
    FaultyFileSystem files(nth, Fault::kKill);
    change(&files);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == kKilled;
}

}  // namespace strata
