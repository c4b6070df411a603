#include "common/huggingface/base_weights.h"

#include <sys/stat.h>

#include <fstream>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/status_macros.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kIndexBytesMax = 64 << 20;  // a tensor takes some 100 bytes
constexpr uint64_t kCacheBytesMax = 4 << 20;   // a file takes some 200 bytes

bool Exists(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

// Changes when the file does: device, inode, size, time of change.
std::string StampOf(const fs::path& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return "";
  return absl::StrCat(status.st_dev, ":", status.st_ino, ":", status.st_size, ":",
                      status.st_mtim.tv_sec, ".", status.st_mtim.tv_nsec);
}

// "" when the cache does not know the file as it is now.
std::string KnownSha256(const Json& cache, const fs::path& file, const std::string& stamp) {
  const auto known = cache.find(file.string());
  if (known == cache.end()) return "";
  const absl::StatusOr<std::string> then = JsonString(*known, "stamp", "");
  const absl::StatusOr<std::string> hex = JsonString(*known, "sha256", "");
  return then.ok() && *then == stamp && hex.ok() && DigestFromHex(*hex).ok() ? *hex : "";
}

// Empty when it can't be read.
Json ReadCache(const fs::path& cache_file) {
  const absl::StatusOr<std::string> text = ReadFile(cache_file, kCacheBytesMax);
  if (!text.ok()) return Json::object();
  absl::StatusOr<Json> cache = ParseJson(*text, cache_file.string());
  return cache.ok() && cache->is_object() ? *std::move(cache) : Json::object();
}

void WriteCache(const Json& cache, const fs::path& cache_file) {
  std::error_code ignored;
  fs::create_directories(cache_file.parent_path(), ignored);
  const fs::path beside = absl::StrCat(cache_file.string(), ".", RandomHex(4), ".new");
  std::ofstream stream(beside, std::ios::binary);
  stream << DumpJson(cache, 1) << "\n";
  stream.close();
  if (stream) fs::rename(beside, cache_file, ignored);
  fs::remove(beside, ignored);
}

}  // namespace

absl::StatusOr<std::vector<fs::path>> WeightFiles(const fs::path& folder) {
  if (Exists(folder / "model.safetensors"))
    return std::vector<fs::path>{folder / "model.safetensors"};
  const fs::path index_file = folder / "model.safetensors.index.json";
  if (!Exists(index_file)) {
    return absl::NotFoundError(
        absl::StrCat("no weights in ", folder.string(),
                     ": it has neither model.safetensors nor "
                     "model.safetensors.index.json (pickled weights are never read)"));
  }
  ASSIGN_OR_RETURN(const std::string text, ReadFile(index_file, kIndexBytesMax));
  ASSIGN_OR_RETURN(const Json index, ParseJson(text, index_file.string()));
  ASSIGN_OR_RETURN(const Json* map, JsonNested(index, "weight_map", index_file.string()));
  std::set<fs::path> files;
  for (const auto& [tensor, file] : map->items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || name.find('/') != std::string::npos || name[0] == '.') {
      return absl::DataLossError(absl::StrCat(index_file.string(), ": ", tensor,
                                              " is in a file that does not lie beside the index: '",
                                              name, "'"));
    }
    files.insert(folder / name);
  }
  return std::vector<fs::path>(files.begin(), files.end());
}

absl::StatusOr<BaseWeights> BaseWeights::Open(const fs::path& folder) {
  ASSIGN_OR_RETURN(const std::vector<fs::path> files, WeightFiles(folder));
  BaseWeights weights;
  for (const fs::path& file : files) {
    ASSIGN_OR_RETURN(SafetensorsFile opened, SafetensorsFile::Open(file));
    weights.files_.push_back(std::move(opened));
  }
  for (const SafetensorsFile& file : weights.files_) {
    for (const TensorView& tensor : file.tensors()) {
      if (!weights.tensors_.emplace(tensor.name, &tensor).second) {
        return absl::DataLossError(
            absl::StrCat(folder.string(), " has two tensors named ", tensor.name));
      }
    }
  }
  return weights;
}

const TensorView* BaseWeights::Find(const std::string& name) const {
  const auto at = tensors_.find(name);
  return at == tensors_.end() ? nullptr : at->second;
}

absl::StatusOr<Digest> BaseFingerprint(const fs::path& folder, const fs::path& cache_file) {
  ASSIGN_OR_RETURN(std::vector<fs::path> files, WeightFiles(folder));
  files.insert(files.begin(), folder / "config.json");
  const Json cache = ReadCache(cache_file);
  Json fresh = Json::object();
  Sha256 sha;
  for (const fs::path& file : files) {
    const std::string stamp = StampOf(file);
    std::string hex = stamp.empty() ? "" : KnownSha256(cache, file, stamp);
    if (hex.empty()) {
      ASSIGN_OR_RETURN(const Digest digest, Sha256OfFile(file));
      hex = digest.Hex();
    }
    fresh[file.string()] = {{"stamp", stamp}, {"sha256", hex}};
    sha.Update(absl::StrCat(file.filename().string(), " ", hex, "\n"));
  }
  if (fresh != cache) WriteCache(fresh, cache_file);
  return sha.Finish();
}

}  // namespace strata
