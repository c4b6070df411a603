// Follows a file that another process appends lines to, perhaps over a shared file system.
// Gives WatchedRun the lines that are whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace strata {

class WholeLines {
 public:
  explicit WholeLines(std::filesystem::path file) : file_(std::move(file)) {}
  // The lines that were written since the last call, without their line breaks. A last one that has
  // none yet is waited for; none while there is no file. A file that became shorter than what was
  // read of it is another one: it is read from its beginning.
  std::vector<std::string> Next();

 private:
  const std::filesystem::path file_;
  uint64_t read_ = 0;  // bytes of whole lines
};

}  // namespace strata
