#include "coordinator/doctor/disk.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/posix_file.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/doctor/examination.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::microseconds;

constexpr int kFsyncs = 9;
constexpr Microseconds kFsyncSlow{100'000};
constexpr uint64_t kFreeFilesMin = 100;  // a commit makes some twenty
constexpr char kLine[] = "strata tries what a commit does\n";

absl::Status Expect(bool holds, const fs::path& path, const char* what) {
  if (holds) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(path.string(), ": ", what));
}

absl::StatusOr<Microseconds> MedianFsync(FileSystem* files, const fs::path& folder) {
  std::vector<Microseconds> times;
  for (int i = 0; i < kFsyncs; ++i) {
    const auto begin = Clock::now();
    RETURN_IF_ERROR(files->AppendDurably(folder / "appended", kLine));
    times.push_back(std::chrono::duration_cast<Microseconds>(Clock::now() - begin));
  }
  std::sort(times.begin(), times.end());
  return times[kFsyncs / 2];
}

absl::Status TryNames(FileSystem* files, const fs::path& folder) {
  const fs::path file = folder / "replaced", link = folder / "current";
  RETURN_IF_ERROR(files->WriteFileDurably(file, "old"));
  RETURN_IF_ERROR(files->ReplaceFileDurably(file, "new"));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, 16));
  RETURN_IF_ERROR(Expect(text == "new", file, "a rename over a file left the old one"));
  RETURN_IF_ERROR(files->ReplaceSymlink(link, "appended"));
  RETURN_IF_ERROR(files->ReplaceSymlink(link, "replaced"));
  std::error_code error;
  return Expect(fs::read_symlink(link, error) == "replaced", link,
                "a link cannot be replaced by a rename");
}

absl::Status Try(FileSystem* files, const fs::path& folder, DiskTrial* trial) {
  RETURN_IF_ERROR(files->CreateDirectories(folder));
  ASSIGN_OR_RETURN(trial->fsync_median, MedianFsync(files, folder));
  RETURN_IF_ERROR(TryNames(files, folder));
  ASSIGN_OR_RETURN(const FileLock lock, FileLock::TryAcquire(folder / "lock"));
  ASSIGN_OR_RETURN(trial->locks, LockedForOthers(folder / "lock"));
  return absl::OkStatus();
}

std::string RemedyOf(const absl::Status& failed, const fs::path& folder, const Disk& disk) {
  const std::string name = folder.string();
  if (disk.read_only)
    return absl::StrCat("mount it writable: mount -o remount,rw $(findmnt -nT ", name,
                        " -o TARGET)");
  if (absl::IsResourceExhausted(failed))
    return absl::StrCat("make room: df -h ", name, "; df -i ", name, "; quota -s");
  if (absl::IsPermissionDenied(failed)) return absl::StrCat("chown -R $(id -u) ", name);
  return absl::StrCat("move the branch to a local disk, or look at the kernel's log: dmesg | tail");
}

// The folder itself, or the nearest above it that exists.
fs::path NearestThatExists(fs::path path) {
  std::error_code error;
  while (!fs::exists(fs::symlink_status(path, error)) && path.has_relative_path())
    path = path.parent_path();
  return path;
}

void ExamineFolder(const std::string& check, const fs::path& folder, Findings* findings) {
  const fs::path nearest = NearestThatExists(folder);
  std::error_code error;
  if (!fs::is_directory(nearest, error)) {
    findings->Add(Problem(check, absl::StrCat(nearest.string(), " is no folder"),
                          absl::StrCat("mv ", nearest.string(), " ", nearest.string(), ".old")));
    return;
  }
  const absl::StatusOr<Disk> disk = DiskOf(nearest);
  if (!disk.ok()) {
    findings->Add(Problem(check, std::string(disk.status().message()),
                          absl::StrCat("ls -ld ", nearest.string(), "; mount it again")));
    return;
  }
  findings->Add(JudgeTrial(check, nearest, *disk, TryDisk(nearest)));
}

uint64_t BytesOfTexts(const fs::path& training) {
  uint64_t bytes = 0;
  std::error_code error, of_file;
  for (fs::directory_iterator at(training, error), end; !error && at != end; at.increment(error)) {
    const uint64_t size = at->file_size(of_file);
    if (!of_file) bytes += size;
  }
  return bytes;
}

}  // namespace

DiskTrial TryDisk(const fs::path& folder) {
  FileSystem* const files = FileSystem::Real();
  const fs::path own = folder / absl::StrCat(".strata-doctor-", RandomHex(4));
  DiskTrial trial;
  trial.failed = Try(files, own, &trial);
  const absl::Status removed = files->RemoveTree(own);
  if (trial.failed.ok()) trial.failed = removed;
  return trial;
}

Finding JudgeTrial(const std::string& check, const fs::path& folder, const Disk& disk,
                   const DiskTrial& trial) {
  const std::string what =
      absl::StrCat(folder.string(), " (", disk.type, disk.network ? ", over the network" : "", ")");
  if (!trial.failed.ok()) {
    return Problem(check, absl::StrCat(what, ": ", trial.failed.message()),
                   RemedyOf(trial.failed, folder, disk));
  }
  if (!trial.locks) {
    return Problem(check, absl::StrCat(what, ": two processes get the same exclusive lock at once"),
                   disk.type == "lustre" ? "mount it with -o flock"
                   : disk.type == "nfs"  ? "mount it without nolock and local_lock"
                                         : "move the branch to a disk that can lock");
  }
  const std::string measured =
      absl::StrFormat("%s: locks, renames and links work; an append with fsync takes %.1f ms", what,
                      std::chrono::duration<double, std::milli>(trial.fsync_median).count());
  if (trial.fsync_median > kFsyncSlow) {
    return Warning(check, measured,
                   "each step of a commit waits for it: move the branch to a faster disk");
  }
  if (disk.memory) {
    return Warning(check, measured + "; it is in memory and gone at the next boot",
                   "keep the branch on a disk: mv, then -C with the new place");
  }
  return Fine(check, measured);
}

Finding JudgeSpace(const fs::path& folder, const Disk& disk, const SpaceNeed& need) {
  const auto adapter = static_cast<double>(need.adapter_bytes);
  const auto texts = static_cast<double>(need.text_bytes);
  const double commit = 3 * adapter + texts;
  const double grown = (3 + 2.0 * need.keep_backups) * adapter + texts;
  const auto free = static_cast<double>(disk.free_bytes);
  std::string found =
      absl::StrCat(Bytes(free), " free",
                   disk.files > 0 ? absl::StrCat(" and ", disk.free_files, " inodes") : "");
  const std::string room = absl::StrCat("make room: df -h ", folder.string());
  if (disk.files > 0 && disk.free_files < kFreeFilesMin) {
    return Problem("space", found,
                   absl::StrCat("remove small files there: df -i ", folder.string()));
  }
  if (need.adapter_bytes == 0) {
    absl::StrAppend(&found, "; what a commit needs is not known without the base");
    return disk.free_bytes == 0 ? Problem("space", found, room) : Fine("space", found);
  }
  absl::StrAppend(&found, "; a run with its commit writes up to ", Bytes(commit),
                  " (an adapter is ", Bytes(adapter), "), the branch grows to some ", Bytes(grown),
                  " at keep_backups: ", need.keep_backups);
  if (free < commit) return Problem("space", found, room);
  if (free < grown) return Warning("space", found, room + ", or lower keep_backups");
  return Fine("space", found);
}

void ExamineDisk(Examination* examination) {
  if (!examination->branch) return;
  Config config = examination->settings();
  config.branch = *examination->branch;
  Findings& findings = examination->findings;
  ExamineFolder("disk adapters", config.AdaptersDir(), &findings);
  ExamineFolder("disk .strata", config.CacheDir(), &findings);
  ExamineFolder("disk runs", config.RunsDir(), &findings);
  const fs::path nearest = NearestThatExists(config.AdaptersDir());
  const absl::StatusOr<Disk> disk = DiskOf(nearest);
  if (!disk.ok()) {
    findings.Add(NotTried("space", std::string(disk.status().message())));
    return;
  }
  SpaceNeed need{0, BytesOfTexts(config.TrainingDir()), config.keep_backups};
  if (examination->base)
    need.adapter_bytes = static_cast<uint64_t>(examination->base->layout.elements) * sizeof(float);
  findings.Add(JudgeSpace(nearest, *disk, need));
}

}  // namespace strata
