// Asks the kernel what this machine has: disks, limits, cores, who holds a lock. The
// doctor's door to it. Judges nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "common/machine_memory.h"

namespace strata {

struct Disk {
  std::string type = {};  // "ext4", "nfs", …; the number for one that is not known
  bool network = false;   // other machines may share it
  bool memory = false;    // gone at the next boot
  bool read_only = false;
  uint64_t free_bytes = 0;             // for this user
  uint64_t files = 0, free_files = 0;  // inodes; files == 0: it does not count them
};

// Of the file system that `path` lies on.
absl::StatusOr<Disk> DiskOf(const std::filesystem::path& path);

struct OpenFilesLimit {
  uint64_t soft = 0, hard = 0;
};
OpenFilesLimit LimitOfOpenFiles();

struct Cores {
  int usable = 1;    // that this process may run on: what a rank's threads are counted from
  double quota = 0;  // of the control group, in cores; 0: none
};
Cores CoresHere();

bool IsRoot();
std::string HostAndUser();  // "HOST.UID", as Open MPI names its folder
bool HasNvidiaCard();       // on the PCI bus, whether there is a driver or not

// Whether another process is refused the lock on `path` that this one holds: a second process
// tries. REQUIRES: the lock is held by this process.
absl::StatusOr<bool> LockedForOthers(const std::filesystem::path& path);

// "PID COMMAND…" of the process of this machine that holds the lock; "" when that is not known.
std::string HolderOfLock(const std::filesystem::path& path);

}  // namespace strata
