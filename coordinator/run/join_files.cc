#include "coordinator/run/join_files.h"

#include "absl/strings/str_cat.h"
#include "common/counted.h"
#include "common/posix_file.h"
#include "common/shell_word.h"
#include "common/status_macros.h"
#include "coordinator/launch/worker_environment.h"
#include "coordinator/run/preparation.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

// The name is a name to the shell only outside of quotes.
std::string ShellAssignment(const std::string& variable) {
  const size_t value = variable.find('=') + 1;
  return variable.substr(0, value) + ShellWord(variable.substr(value));
}

}  // namespace

JoinFiles::~JoinFiles() {
  std::error_code stays;
  fs::remove_all(folder_, stays);
}

absl::Status JoinFiles::Write(const JoinAddress& join) {
  std::error_code error;
  fs::remove_all(folder_, error);  // of an attempt of a process that was killed
  FileSystem* const files = FileSystem::Real();
  RETURN_IF_ERROR(files->CreateDirectories(folder_));
  // Before there is anything in it to read.
  fs::permissions(folder_, fs::perms::owner_all, error);
  if (error)
    return absl::PermissionDeniedError(
        absl::StrCat("cannot keep others out of ", folder_.string(), ": ", error.message()));
  RETURN_IF_ERROR(files->WriteFileDurably(folder_ / "token", join.token + "\n"));
  // Also for a copy that keeps the rights.
  fs::permissions(folder_ / "token", fs::perms::owner_read | fs::perms::owner_write, error);
  if (join.certificate.empty()) return absl::OkStatus();
  return files->WriteFileDurably(folder_ / "certificate.pem", join.certificate);
}

std::string JoinFiles::Invitation(const JoinAddress& join, const JoinCommand& command) const {
  const bool tls = !join.certificate.empty();
  std::vector<std::string> variables = {
      absl::StrCat("STRATA_TOKEN_FILE=", (folder_ / "token").string())};
  if (tls) {
    variables.push_back(
        absl::StrCat("STRATA_TLS_CERTIFICATE_FILE=", (folder_ / "certificate.pem").string()));
  }
  std::vector<std::string> words = {"mpirun", "-np", absl::StrCat(join.ranks), "--bind-to", "none"};
  if (!command.network_interface.empty()) {
    variables.push_back("NCCL_SOCKET_IFNAME=" + command.network_interface);
    for (const char* of : kInterfaceParameters)
      words.insert(words.end(), {"--mca", of, command.network_interface});
  }
  variables.insert(variables.end(), command.worker_env.begin(), command.worker_env.end());
  for (const std::string& variable : variables)
    words.insert(words.end(), {"-x", variable.substr(0, variable.find('='))});
  words.insert(words.end(), {WorkerProgram().string(), "--coordinator", join.address});
  words.insert(words.end(), command.arguments.begin(), command.arguments.end());
  std::string lines =
      absl::StrCat("waiting for ", Counted(static_cast<uint64_t>(join.ranks), "worker"),
                   "; start them on machines that see the base model at its "
                   "path, again whenever they end while this runs:\n");
  for (const std::string& variable : variables) {
    if (variable.find('=') != std::string::npos)
      absl::StrAppend(&lines, "  export ", ShellAssignment(variable), "\n");
  }
  absl::StrAppend(&lines, "  ", ShellWords(words), "\n",
                  "Where the files above can't be read, their content goes into STRATA_TOKEN",
                  tls ? " and STRATA_TLS_CERTIFICATE" : "", " instead.");
  return lines;
}

}  // namespace strata
