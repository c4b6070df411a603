#include "coordinator/observe/whole_lines.h"

#include <fstream>
#include <iterator>
#include <system_error>

namespace strata {

std::vector<std::string> WholeLines::Next() {
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(file_, error);
  if (error) return {};
  if (bytes < read_) read_ = 0;
  // Opened anew each time: what a shared file system remembers of a file it forgets then.
  std::ifstream stream(file_, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(read_));
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  std::vector<std::string> lines;
  size_t begin = 0;
  for (size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines.push_back(text.substr(begin, end - begin));
  read_ += begin;
  return lines;
}

}  // namespace strata
