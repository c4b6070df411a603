#include "coordinator/observe/metrics_file.h"

#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace strata {

absl::Status MetricsFile::Write(std::string_view page) const {
  // Hidden, and without .prom at its end: the collector passes over it.
  const std::filesystem::path part =
      path_.parent_path() / absl::StrCat(".", path_.filename().string(), ".part");
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  file << page;
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(part, path_, error);
  if (file && !error) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "cannot write metrics_file ", path_.string(), ": ",
      error ? error.message() : "its folder must be there, writable, on a disk with room"));
}

}  // namespace strata
