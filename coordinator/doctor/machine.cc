#include "coordinator/doctor/machine.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/host_name.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

struct KindOfDisk {
  uint32_t magic;  // statfs(2) and the kernel's sources of each
  const char* name;
  bool network;
};
constexpr KindOfDisk kKinds[] = {
    {0xEF53, "ext4", false},        {0x58465342, "xfs", false},   {0x9123683E, "btrfs", false},
    {0x2FC12FC1, "zfs", false},     {0x01021994, "tmpfs", false}, {0x858458F6, "ramfs", false},
    {0x794C7630, "overlay", false}, {0xF2F52010, "f2fs", false},  {0x6969, "nfs", true},
    {0x0BD00BD0, "lustre", true},   {0x47504653, "gpfs", true},   {0x00C36400, "ceph", true},
    {0x19830326, "beegfs", true},   {0xFF534D42, "cifs", true},   {0xFE534D42, "smb", true},
    {0x01021997, "9p", true},       {0x65735546, "fuse", true}};

absl::Status Failed(const char* what, const fs::path& path, int error) {
  return absl::UnavailableError(
      absl::StrCat("cannot ", what, " ", path.string(), ": ", std::strerror(error)));
}

}  // namespace

absl::StatusOr<Disk> DiskOf(const fs::path& path) {
  struct statfs kind {};
  struct statvfs room {};
  if (statfs(path.c_str(), &kind) != 0 || statvfs(path.c_str(), &room) != 0)
    return Failed("ask about the disk of", path, errno);
  const auto magic = static_cast<uint32_t>(kind.f_type);
  const auto* known = std::find_if(std::begin(kKinds), std::end(kKinds),
                                   [&](const KindOfDisk& one) { return one.magic == magic; });
  Disk disk;
  disk.type = known != std::end(kKinds) ? known->name : absl::StrFormat("file system 0x%x", magic);
  disk.network = known != std::end(kKinds) && known->network;
  disk.memory = disk.type == "tmpfs" || disk.type == "ramfs";
  disk.read_only = (room.f_flag & ST_RDONLY) != 0;
  disk.free_bytes = uint64_t{room.f_bavail} * room.f_frsize;
  disk.files = room.f_files;
  disk.free_files = room.f_favail;
  return disk;
}

OpenFilesLimit LimitOfOpenFiles() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return {limit.rlim_cur, limit.rlim_max};
}

Cores CoresHere() {
  Cores cores;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores.usable = std::max(1, CPU_COUNT(&set));
  double quota = 0, period = 0;
  if (std::ifstream(ControlGroup() / "cpu.max") >> quota >> period && period > 0)
    cores.quota = quota / period;
  return cores;
}

bool IsRoot() { return geteuid() == 0; }

std::string HostAndUser() { return absl::StrCat(HostName(), ".", geteuid()); }

bool HasNvidiaCard() {
  std::error_code error;
  for (fs::directory_iterator at("/sys/bus/pci/devices", error), end; !error && at != end;
       at.increment(error)) {
    std::string vendor, kind;
    std::ifstream(at->path() / "vendor") >> vendor;
    std::ifstream(at->path() / "class") >> kind;
    if (vendor == "0x10de" && kind.rfind("0x03", 0) == 0) return true;
  }
  return false;
}

absl::StatusOr<bool> LockedForOthers(const fs::path& path) {
  const char* name = path.c_str();
  const pid_t pid = fork();
  if (pid < 0) return Failed("start a second process to lock", path, errno);
  if (pid == 0) {
    // Only async-signal-safe calls: the parent may have threads.
    const int descriptor = open(name, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) _exit(errno);
    _exit(flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno);
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status)) return Failed("lock in a second process", path, EINTR);
  if (WEXITSTATUS(status) == 0) return false;
  if (WEXITSTATUS(status) == EWOULDBLOCK) return true;
  return Failed("lock in a second process", path, WEXITSTATUS(status));
}

std::string HolderOfLock(const fs::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return "";
  const std::string inode = absl::StrCat(":", status.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, advisory, mode, pid, file;
    words >> number >> kind >> advisory >> mode >> pid >> file;
    if (file.size() < inode.size() || file.substr(file.size() - inode.size()) != inode) continue;
    std::ifstream of_process("/proc/" + pid + "/cmdline");
    std::string command((std::istreambuf_iterator<char>(of_process)), {});
    std::replace(command.begin(), command.end(), '\0', ' ');
    return absl::StrCat(pid, " ", command.empty() ? "?" : command.substr(0, 120));
  }
  return "";
}

}  // namespace strata
