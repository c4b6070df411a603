#include "coordinator/launch/mpi_launcher.h"

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
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/launch/child_process.h"
#include "coordinator/launch/open_files.h"

extern char** environ;

namespace strata {
namespace {

std::vector<std::string> CommandOf(const Launch& launch, const std::filesystem::path& mpirun) {
  std::vector<std::string> command = {mpirun.string(),   "-np",       std::to_string(launch.ranks),
                                      "--oversubscribe", "--bind-to", "none"};
  for (const auto& [name, value] : launch.environment) {
    command.push_back("-x");
    command.push_back(name);
  }
  command.insert(command.end(), launch.mpirun_args.begin(), launch.mpirun_args.end());
  command.push_back(launch.worker.string());
  command.insert(command.end(), launch.arguments.begin(), launch.arguments.end());
  return command;
}

// An inherited variable that the launch sets anew is left out: getenv takes the first of a name.
std::vector<std::string> EnvironmentOf(const Launch& launch) {
  std::vector<std::string> environment;
  for (char** inherited = environ; *inherited != nullptr; ++inherited) {
    const std::string variable = *inherited;
    const bool set_anew =
        std::any_of(launch.environment.begin(), launch.environment.end(),
                    [&](const auto& own) { return variable.rfind(own.first + "=", 0) == 0; });
    if (!set_anew) environment.push_back(variable);
  }
  for (const auto& [name, value] : launch.environment) environment.push_back(name + "=" + value);
  // mpirun refuses root by default; who runs strata as root has chosen so.
  environment.push_back("OMPI_ALLOW_RUN_AS_ROOT=1");
  environment.push_back("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1");
  return environment;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Only async-signal-safe calls: the parent has threads.
[[noreturn]] void BecomeMpirun(char** argv, char** environment, int log, pid_t parent) {
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

// The word behind `mark`, from `*at` on, which then stands behind it; "" when there is none.
std::string WordBehind(const std::string& text, std::string_view mark, size_t* at) {
  *at = text.find(mark, *at);
  if (*at == std::string::npos) return "";
  *at += mark.size();
  const size_t end = text.find_first_of(" .", *at);
  return text.substr(*at, end - *at);
}

bool IsProgram(const std::filesystem::path& path) {
  std::error_code error;
  return access(path.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(path, error);
}

}  // namespace

std::string RankThatDied(const std::string& words_of_mpirun) {
  std::string text = words_of_mpirun;
  std::replace(text.begin(), text.end(), '\n', ' ');
  size_t at = 0;
  const std::string rank = WordBehind(text, "noticed that process rank ", &at);
  if (rank.empty()) return "";
  const std::string node = WordBehind(text, " on node ", &at);
  const std::string signal = WordBehind(text, " exited on signal ", &at);
  if (signal.empty()) return "";
  const size_t name = text.find('(', at), name_end = text.find(')', at);
  const bool named = name < name_end && name_end != std::string::npos && name - at < 4;
  return absl::StrCat("rank ", rank, " on ", node, " died of signal ", signal,
                      named ? " " + text.substr(name, name_end + 1 - name) : "");
}

std::filesystem::path FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) return IsProgram(name) ? name : "";
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::filesystem::path candidate =
        std::filesystem::path(folder.empty() ? "." : folder) / name;
    if (IsProgram(candidate)) return candidate;
  }
  return "";
}

absl::Status CheckPrograms(const std::string& mpirun, const std::filesystem::path& worker) {
  if (FindProgram(mpirun).empty()) {
    return absl::NotFoundError(
        absl::StrCat("mpirun not found: '", mpirun,
                     "' is no program on PATH; install it "
                     "(apt-get install openmpi-bin) or name it in branch.yaml: mpirun: PATH"));
  }
  if (!IsProgram(worker)) {
    return absl::NotFoundError(
        absl::StrCat("no worker program at ", worker.string(),
                     ": build it (deploy/setup.sh) or keep it beside strata"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<WorkerGroup>> WorkerGroup::Start(const Launch& launch) {
  RETURN_IF_ERROR(CheckPrograms(launch.mpirun, launch.worker));
  RETURN_IF_ERROR(CheckOpenFiles(launch.ranks));
  const std::filesystem::path mpirun = FindProgram(launch.mpirun);
  std::vector<std::string> command = CommandOf(launch, mpirun), environment = EnvironmentOf(launch);
  std::vector<char*> argv = Pointers(command), variables = Pointers(environment);
  const int log = open(launch.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot write ", launch.log.string(), ": ", std::strerror(errno)));
  }
  const off_t log_begin = lseek(log, 0, SEEK_END);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) BecomeMpirun(argv.data(), variables.data(), log, parent);
  close(log);
  if (pid < 0)
    return absl::UnavailableError(absl::StrCat("cannot start mpirun: ", std::strerror(errno)));
  return std::unique_ptr<WorkerGroup>(
      new WorkerGroup(pid, launch.log, log_begin > 0 ? static_cast<uint64_t>(log_begin) : 0));
}

WorkerGroup::~WorkerGroup() { End(3); }

std::optional<GroupExit> WorkerGroup::Poll() {
  if (pid_ < 0) return std::nullopt;
  siginfo_t ended{};
  if (waitid(P_PID, pid_, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid != pid_)
    return std::nullopt;
  KillSession(pid_);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  const std::string rank = RankThatDied(WordsSince(log_, log_begin_));
  const std::string who = rank.empty() ? "" : ": " + rank;
  if (WIFSIGNALED(status))
    return GroupExit{false, absl::StrCat("mpirun died of signal ", WTERMSIG(status), who)};
  return GroupExit{WEXITSTATUS(status) == 0,
                   absl::StrCat("mpirun's exit status ", WEXITSTATUS(status), who)};
}

void WorkerGroup::End(int grace_s) {
  if (pid_ < 0) return;
  const int mpirun = pid_;
  kill(mpirun, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(grace_s);
  while (!Poll().has_value()) {
    if (std::chrono::steady_clock::now() > deadline) kill(mpirun, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace strata
