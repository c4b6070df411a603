#include "coordinator/store/room.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

// Metadata with its history, the template, the manifest, and the blocks that files end in.
constexpr uint64_t kSmallFilesBytes = 1 << 20;
constexpr uint64_t kFilesOfAVersion = 8;

std::string Megabytes(uint64_t bytes) {
  return absl::StrFormat("%.1f MB", static_cast<double>(bytes) / 1e6);
}

absl::Status TooLittle(const RoomNeed& need, const std::string& wants, const std::string& has,
                       const char* ask) {
  return absl::ResourceExhaustedError(absl::StrCat(
      "no room for ", need.what, ": it needs ", wants, " in ", need.folder.string(), ", which has ",
      has, " left; make room there (", ask, " ", need.folder.string(), ") and try again"));
}

absl::Status Check(const RoomNeed& need, const FreeSpace& free) {
  if (need.bytes > free.bytes)
    return TooLittle(need, Megabytes(need.bytes), Megabytes(free.bytes), "df -h");
  if (free.counts_files && need.files > free.files) {
    return TooLittle(need, absl::StrCat(need.files, " files"), absl::StrCat(free.files, " inodes"),
                     "df -i");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRoom(const std::vector<RoomNeed>& needs, FileSystem* files) {
  std::map<uint64_t, RoomNeed> by_device;
  for (const RoomNeed& need : needs) {
    const absl::StatusOr<FreeSpace> free = files->FreeSpaceOf(need.folder);
    if (!free.ok()) continue;
    RoomNeed& sum =
        by_device.try_emplace(free->device, RoomNeed{need.folder, 0, 0, ""}).first->second;
    absl::StrAppend(&sum.what, sum.what.empty() ? "" : " and ", need.what);
    sum.bytes += need.bytes;
    sum.files += need.files;
    if (const absl::Status checked = Check(sum, *free); !checked.ok()) return checked;
  }
  return absl::OkStatus();
}

RoomNeed RoomForVersion(const fs::path& folder, uint64_t adapter_bytes, uint64_t example_bytes) {
  return {folder, adapter_bytes + example_bytes + kSmallFilesBytes, kFilesOfAVersion, "the commit"};
}

uint64_t BytesIn(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code error, of_file;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const uint64_t size = at->is_regular_file(of_file) ? at->file_size(of_file) : 0;
    if (!of_file) bytes += size;
  }
  return bytes;
}

}  // namespace strata
