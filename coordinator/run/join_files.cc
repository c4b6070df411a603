#include "coordinator/run/join_files.h"

#include "absl/strings/str_cat.h"
#include "common/counted.h"
#include "common/posix_file.h"
#include "common/shell_word.h"
#include "common/status_macros.h"
#include "coordinator/run/preparation.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

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

std::string JoinFiles::Invitation(const JoinAddress& join) const {
  const bool tls = !join.certificate.empty();
  std::string lines =
      absl::StrCat("waiting for ", Counted(static_cast<uint64_t>(join.ranks), "worker"),
                   "; start them on machines that see the base model at its "
                   "path, again whenever they end while this runs:\n",
                   "  export STRATA_TOKEN_FILE=", ShellWord((folder_ / "token").string()), "\n");
  if (tls) {
    absl::StrAppend(&lines, "  export STRATA_TLS_CERTIFICATE_FILE=",
                    ShellWord((folder_ / "certificate.pem").string()), "\n");
  }
  absl::StrAppend(&lines, "  mpirun -np ", join.ranks, " --bind-to none -x STRATA_TOKEN_FILE ",
                  tls ? "-x STRATA_TLS_CERTIFICATE_FILE " : "", ShellWord(WorkerProgram().string()),
                  " --coordinator ", join.address, "\n",
                  "Where the files above can't be read, their content goes into STRATA_TOKEN",
                  tls ? " and STRATA_TLS_CERTIFICATE" : "", " instead.");
  return lines;
}

}  // namespace strata
