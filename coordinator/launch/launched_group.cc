#include "coordinator/launch/launched_group.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "coordinator/launch/child_process.h"

extern char** environ;

namespace strata {
namespace {

// An inherited variable that the launch sets anew is left out: getenv takes the first of a name.
std::vector<std::string> EnvironmentOf(const LaunchProgram& program) {
  std::vector<std::string> environment;
  for (char** inherited = environ; *inherited != nullptr; ++inherited) {
    const std::string variable = *inherited;
    const auto begins_with = [&](const std::string& begin) { return variable.starts_with(begin); };
    const bool left_out =
        std::any_of(program.without.begin(), program.without.end(), begins_with) ||
        std::any_of(program.environment.begin(), program.environment.end(),
                    [&](const auto& own) { return begins_with(own.first + "="); });
    if (!left_out) environment.push_back(variable);
  }
  for (const auto& [name, value] : program.environment) environment.push_back(name + "=" + value);
  return environment;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Only async-signal-safe calls: the parent has threads.
[[noreturn]] void BecomeProgram(char** argv, char** environment, int log, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(127);
  BeginAfresh(log);
  execve(argv[0], argv, environment);
  _exit(127);
}

// mpirun puts each rank into a process group of its own: only the session holds them together.
// REQUIRES: its leader is not reaped yet, so that the number is nobody else's.
void KillSession(pid_t session) {
  std::error_code error;
  std::filesystem::directory_iterator process("/proc", error);
  for (; !error && process != end(process); process.increment(error)) {
    const pid_t pid = std::atoi(process->path().filename().c_str());
    if (pid > 0 && getsid(pid) == session) kill(pid, SIGKILL);
  }
}

// The end of what the log has from `begin` on.
std::string WordsSince(const std::filesystem::path& log, uint64_t begin) {
  constexpr uint64_t kBytesMax = 64 << 10;
  std::ifstream stream(log, std::ios::binary | std::ios::ate);
  if (!stream) return "";
  const auto end = static_cast<uint64_t>(stream.tellg());
  begin = std::max(begin, end > kBytesMax ? end - kBytesMax : 0);
  if (begin >= end) return "";
  std::string words(end - begin, '\0');
  stream.seekg(static_cast<std::streamoff>(begin));
  stream.read(words.data(), static_cast<std::streamsize>(words.size()));
  return words;
}

}  // namespace

absl::StatusOr<std::unique_ptr<WorkerGroup>> LaunchedGroup::Start(const LaunchProgram& program) {
  std::vector<std::string> command = program.command, environment = EnvironmentOf(program);
  std::vector<char*> argv = Pointers(command), variables = Pointers(environment);
  const int log = open(program.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot write ", program.log.string(), ": ", std::strerror(errno)));
  }
  const off_t log_begin = lseek(log, 0, SEEK_END);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) BecomeProgram(argv.data(), variables.data(), log, parent);
  close(log);
  if (pid < 0)
    return absl::UnavailableError(
        absl::StrCat("cannot start ", program.name, ": ", std::strerror(errno)));
  return std::unique_ptr<WorkerGroup>(
      new LaunchedGroup(pid, program, log_begin > 0 ? static_cast<uint64_t>(log_begin) : 0));
}

LaunchedGroup::~LaunchedGroup() { End(3); }

std::optional<GroupExit> LaunchedGroup::Poll() {
  if (pid_ < 0) return std::nullopt;
  siginfo_t ended{};
  if (waitid(P_PID, pid_, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid != pid_)
    return std::nullopt;
  KillSession(pid_);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  if (status == 0) return GroupExit{true, absl::StrCat(program_.name, "'s exit status 0")};
  const std::string said = program_.why_ended(WordsSince(program_.log, log_begin_));
  const std::string why = said.empty() ? "" : ": " + said;
  if (WIFSIGNALED(status))
    return GroupExit{false, absl::StrCat(program_.name, " died of signal ", WTERMSIG(status), why)};
  return GroupExit{false, absl::StrCat(program_.name, "'s exit status ", WEXITSTATUS(status), why)};
}

void LaunchedGroup::End(int grace_s) {
  if (pid_ < 0) return;
  const int program = pid_;
  kill(program, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(grace_s);
  while (!Poll().has_value()) {
    if (std::chrono::steady_clock::now() > deadline) kill(program, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace strata
