#include "coordinator/run/original_layout.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/store/branch_state.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kDocumentBytesMax = uint64_t{256} << 20;
constexpr size_t kSecondsBytes = 19;  // "2025-10-31T10:40:42"
constexpr char kMetadata[] = "training_metadata.json";

std::vector<fs::path> FoldersIn(const fs::path& folder) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (fs::is_directory(at->path(), error) && name.front() != '.') folders.push_back(at->path());
    error.clear();
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

// current and previous, then the backups, then the snapshots.
std::vector<fs::path> AdapterFolders(const fs::path& adapters) {
  std::vector<fs::path> folders = {adapters / "current"};
  std::error_code error;
  if (fs::is_directory(adapters / "previous", error)) folders.push_back(adapters / "previous");
  for (const fs::path& backup : FoldersIn(adapters / "backups")) folders.push_back(backup);
  for (const fs::path& other : FoldersIn(adapters)) {
    const std::string name = other.filename().string();
    const bool known = name == "current" || name == "previous" || name == "backups";
    // An earlier `strata train` that was refused may have left an empty one.
    const bool ours = name == "versions" && fs::is_empty(other, error);
    if (!known && !ours) folders.push_back(other);
  }
  return folders;
}

absl::StatusOr<Json> MetadataIn(const fs::path& folder) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(folder / kMetadata, kDocumentBytesMax));
  return ParseJson(text, kMetadata);
}

// "" unless it begins with a date and a time.
std::string TimeOfMetadata(const fs::path& folder) {
  const absl::StatusOr<Json> json = MetadataIn(folder);
  if (!json.ok()) return "";
  std::string time = JsonString(*json, "last_updated", kMetadata).value_or("");
  time.resize(std::min(time.size(), kSecondsBytes));
  absl::Time ignored;
  if (time.size() > 10 && time[10] == ' ') time[10] = 'T';
  return absl::ParseTime("%E4Y-%m-%dT%H:%M:%S", time, &ignored, nullptr) ? time : "";
}

std::string TimeOf(const fs::path& folder) {
  if (std::string time = TimeOfMetadata(folder); !time.empty()) return time;
  const std::string name = folder.filename().string();
  absl::Time time;
  if (IsBackupName(name)) {
    const std::string digits = name.substr(name.find('_', sizeof "backup_") + 1, 15);
    if (absl::ParseTime("%E4Y%m%d_%H%M%S", digits, &time, nullptr))
      return absl::FormatTime("%Y-%m-%dT%H:%M:%S", time, absl::UTCTimeZone());
  }
  const absl::StatusOr<std::chrono::system_clock::time_point> changed =
      TimeOfChange(folder / "adapter_model.safetensors");
  if (!changed.ok()) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%S", absl::FromChrono(*changed), absl::UTCTimeZone());
}

// One folder as an adapter of its own. Its values are read and not kept.
absl::StatusOr<OldAdapter> ReadOne(const fs::path& folder, const ModelConfig& model,
                                   const std::string& base_model_name) {
  ASSIGN_OR_RETURN(const AdapterFolder read, ReadAdapterFolder(folder, model, base_model_name));
  RETURN_IF_ERROR(CheckTrained(read));
  Sha256 sha;
  sha.Update(read.values.data(), read.values.size() * sizeof(float));
  sha.Update(absl::StrCat(" r ", read.peft.r, " alpha ", read.peft.PlainAlpha()));
  for (const std::string& target : read.target_modules) sha.Update(" " + target);
  return OldAdapter{folder, {folder.filename().string()}, TimeOf(folder), sha.Finish()};
}

void Add(OldAdapter one, std::vector<OldAdapter>* adapters) {
  for (OldAdapter& known : *adapters) {
    if (known.identity != one.identity) continue;
    if (!MetadataIn(known.folder).ok() && MetadataIn(one.folder).ok()) known.folder = one.folder;
    known.time = std::min(known.time, one.time);
    known.names.push_back(one.names.front());
    return;
  }
  adapters->push_back(std::move(one));
}

}  // namespace

bool OldAdapter::Has(const std::string& name) const {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsOriginalLayout(const fs::path& adapters) {
  std::error_code error;
  return !fs::is_symlink(adapters / "current", error) &&
         fs::exists(adapters / "current/adapter_config.json", error);
}

absl::StatusOr<OriginalLayout> ReadOriginalLayout(const fs::path& adapters,
                                                  const ModelConfig& model,
                                                  const std::string& base_model_name) {
  OriginalLayout layout;
  std::vector<OldAdapter> distinct;
  for (const fs::path& folder : AdapterFolders(adapters)) {
    absl::StatusOr<OldAdapter> one = ReadOne(folder, model, base_model_name);
    if (!one.ok() && distinct.empty()) return one.status();
    if (one.ok()) Add(*std::move(one), &distinct);
    if (!one.ok())
      layout.left.push_back({folder.filename().string(), std::string(one.status().message())});
  }
  const auto rank = [](const OldAdapter& adapter) {
    return adapter.Has("current") ? 2 : adapter.Has("previous") ? 1 : 0;
  };
  layout.previous_was_current = distinct.front().Has("previous");
  std::stable_sort(distinct.begin(), distinct.end(), [&](const OldAdapter& a, const OldAdapter& b) {
    return std::pair(rank(a), a.time) < std::pair(rank(b), b.time);
  });
  layout.adapters = std::move(distinct);
  return layout;
}

}  // namespace strata
