#include "coordinator/slurm/sbatch_word.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace strata {

std::string SbatchWord(const std::string& word) {
  if (word.find_first_of(" \t\"'\\#") == std::string::npos) return word;
  return absl::StrCat("\"", absl::StrReplaceAll(word, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

std::string SbatchFileName(const std::filesystem::path& file) {
  return absl::StrReplaceAll(file.string(), {{"%", "%%"}});
}

}  // namespace strata
