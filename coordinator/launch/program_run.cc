#include "coordinator/launch/program_run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "coordinator/launch/child_process.h"

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kOutputBytesMax = 1 << 20;
constexpr char kCannotRun[] = "cannot be run: ";

// Only async-signal-safe calls: the parent has threads.
[[noreturn]] void Become(char** argv, int output) {
  BeginAfresh(output);
  execv(argv[0], argv);
  const char* why = strerrordesc_np(errno);
  const bool said = write(2, kCannotRun, sizeof kCannotRun - 1) > 0 && why != nullptr &&
                    write(2, why, std::strlen(why)) > 0;
  _exit(said ? 127 : 126);
}

// Until the other end is closed, or false when the time is up first.
bool ReadUntil(int pipe, Clock::time_point deadline, std::string* output) {
  char buffer[4096];
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ready{pipe, POLLIN, 0};
    if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) == 0) return false;
    const ssize_t got = read(pipe, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    output->append(buffer, std::min(static_cast<size_t>(got), kOutputBytesMax - output->size()));
  }
}

// The status of the program's end; none when it lives on at the deadline.
std::optional<int> WaitUntil(pid_t pid, Clock::time_point deadline) {
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (Clock::now() > deadline) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return status;
}

}  // namespace

absl::StatusOr<ProgramRun> RunProgram(const std::vector<std::string>& command,
                                      std::chrono::milliseconds limit) {
  std::vector<std::string> words = command;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot make a pipe: ", std::strerror(errno)));
  }
  const auto deadline = Clock::now() + limit;
  const pid_t pid = fork();
  if (pid == 0) Become(argv.data(), ends[1]);
  const int error = errno;
  close(ends[1]);
  ProgramRun run;
  const bool said_all = pid > 0 && ReadUntil(ends[0], deadline, &run.output);
  close(ends[0]);
  if (pid < 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot start ", command[0], ": ", std::strerror(error)));
  }
  std::optional<int> status = said_all ? WaitUntil(pid, deadline) : std::nullopt;
  run.timed_out = !status.has_value();
  if (run.timed_out) {
    kill(-pid, SIGKILL);
    status = 0;
    waitpid(pid, &*status, 0);
  }
  run.clean = !run.timed_out && WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
  run.how = WIFSIGNALED(*status) ? absl::StrCat("signal ", WTERMSIG(*status))
                                 : absl::StrCat("exit status ", WEXITSTATUS(*status));
  return run;
}

}  // namespace strata
