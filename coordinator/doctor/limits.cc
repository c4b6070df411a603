#include "coordinator/doctor/limits.h"

#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/counted.h"
#include "common/posix_file.h"
#include "common/sha256.h"
#include "coordinator/doctor/examination.h"
#include "coordinator/launch/open_files.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSharedBytesOfRank = uint64_t{16} << 20;
constexpr char kSharedMemory[] = "/dev/shm";

// What Open MPI makes there for its job: a path too long for the kernel shows here.
absl::Status TrySessionFolder(const fs::path& temporary) {
  const fs::path own = temporary / absl::StrCat("strata-doctor-", RandomHex(4));
  FileSystem* const files = FileSystem::Real();
  const fs::path session = own / ("ompi." + HostAndUser()) / "pid.1234567" / "0" / "0";
  absl::Status tried = files->CreateDirectories(session);
  if (tried.ok()) tried = files->WriteFileDurably(session / "tried", "tried\n");
  const absl::Status removed = files->RemoveTree(own);
  return tried.ok() ? removed : tried;
}

Finding TemporaryFolder() {
  const char* variable = std::getenv("TMPDIR");
  const bool set = variable != nullptr && *variable != '\0';
  const fs::path folder = set ? variable : "/tmp";
  std::error_code error;
  const fs::file_type type = fs::status(folder, error).type();
  const std::string instead = set ? "unset TMPDIR, or export TMPDIR=/tmp" : "export TMPDIR=DIR";
  const std::string name =
      folder.string().size() <= 100 ? folder.string() : folder.string().substr(0, 100) + "…";
  if (type == fs::file_type::not_found) {
    return Warning("TMPDIR", absl::StrCat("there is no ", name, "; mpirun will try to make it"),
                   absl::StrCat("mkdir -p ", name, ", or ", instead));
  }
  if (type != fs::file_type::directory) {
    return Problem(
        "TMPDIR", absl::StrCat(name, error ? ": " + error.message() : std::string(" is no folder")),
        instead);
  }
  if (const absl::Status tried = TrySessionFolder(folder); !tried.ok()) {
    return Problem("TMPDIR",
                   absl::StrCat("Open MPI cannot keep its session there: ",
                                std::string(tried.message()).substr(0, 200)),
                   instead);
  }
  return Fine("TMPDIR", absl::StrCat(name, " is writable"));
}

}  // namespace

Finding JudgeOpenFiles(const OpenFilesLimit& limit, int ranks) {
  const uint64_t need = OpenFilesNeeded(ranks);
  const std::string found = absl::StrCat(limit.soft, " for a process, ", need, " needed for ",
                                         Counted(static_cast<uint64_t>(ranks), "rank"));
  if (limit.soft >= need) return Fine("open files", found);
  return Problem("open files", found,
                 limit.hard >= need
                     ? absl::StrCat("ulimit -n ", std::min<uint64_t>(limit.hard, 4096))
                     : absl::StrCat("raise the hard limit to at least ", need,
                                    ": nofile in /etc/security/limits.conf, LimitNOFILE of the "
                                    "service, or docker run --ulimit nofile=4096"));
}

Finding JudgeCores(const Cores& cores, int ranks) {
  std::string found = absl::StrCat(Counted(cores.usable, "core"), " for ",
                                   Counted(static_cast<uint64_t>(ranks), "rank"));
  if (cores.quota > 0)
    absl::StrAppend(&found, absl::StrFormat(", quota of %.1f cores", cores.quota));
  if (cores.quota > 0 && cores.quota < 0.9 * cores.usable) {
    const int whole = std::max(1, static_cast<int>(std::floor(cores.quota)));
    return Warning("cores", found + ": more threads than the quota lets run are held up",
                   absl::StrCat("taskset -c 0-", whole - 1,
                                " strata train …, or raise the quota (docker run --cpus)"));
  }
  if (ranks <= cores.usable) return Fine("cores", found);
  return Warning("cores", found + ": ranks take turns on the CPU (devices do not mind)",
                 absl::StrCat("workers: ", cores.usable));
}

Finding JudgeSharedMemory(const Disk& disk, int ranks) {
  const uint64_t need = kSharedBytesOfRank * static_cast<uint64_t>(ranks);
  const std::string found =
      absl::StrCat(Bytes(static_cast<double>(disk.free_bytes)), " free in ", kSharedMemory, ", ",
                   Bytes(static_cast<double>(need)), " wanted");
  if (disk.read_only) {
    return Warning("shared memory", absl::StrCat(kSharedMemory, " is read-only"),
                   absl::StrCat("mount -o remount,rw ", kSharedMemory));
  }
  if (disk.free_bytes >= need) return Fine("shared memory", found);
  return Warning("shared memory", found,
                 absl::StrCat("remove what is left over there, or mount -o remount,size=1G ",
                              kSharedMemory, " (docker run --shm-size=1g)"));
}

void ExamineLimits(Examination* examination) {
  Findings& findings = examination->findings;
  findings.Add(JudgeOpenFiles(LimitOfOpenFiles(), examination->ranks()));
  findings.Add(TemporaryFolder());
  const absl::StatusOr<Disk> shared = DiskOf(kSharedMemory);
  findings.Add(shared.ok() ? JudgeSharedMemory(*shared, examination->ranks())
                           : Warning("shared memory", absl::StrCat("there is no ", kSharedMemory),
                                     absl::StrCat("mount -t tmpfs tmpfs ", kSharedMemory)));
  findings.Add(JudgeCores(CoresHere(), examination->ranks()));
}

}  // namespace strata
