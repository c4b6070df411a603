#include "coordinator/catalog/line_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr size_t kBufferBytes = 1 << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

absl::Status ReadError(const std::filesystem::path& path) {
  const int error = errno;
  const std::string message =
      absl::StrCat("cannot read a dataset: ", std::strerror(error), ": ", path.string());
  return error == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
}

// One byte more than a small file has, so that its end is seen without growing.
size_t BufferBytesFor(const std::filesystem::path& path) {
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(path, error);
  return error || bytes >= kBufferBytes ? kBufferBytes : static_cast<size_t>(bytes) + 1;
}

}  // namespace

LineReader::LineReader(std::filesystem::path path, FILE* file, uint64_t bytes_max)
    : path_(std::move(path)),
      file_(file),
      bytes_max_(bytes_max),
      buffer_(BufferBytesFor(path_), '\0') {
  std::setvbuf(file, nullptr, _IONBF, 0);  // the buffer here is the only one
}

absl::StatusOr<std::unique_ptr<LineReader>> LineReader::Open(const std::filesystem::path& path,
                                                             uint64_t bytes_max) {
  FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return ReadError(path);
  return std::unique_ptr<LineReader>(new LineReader(path, file, bytes_max));
}

absl::Status LineReader::Fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    searched_ -= begin_;
    end_ -= begin_;
    begin_ = 0;
  }
  // A line is held with its line break ("\r\n") and one byte more, by which it is seen to be too
  // long.
  if (end_ > bytes_max_ + kByteOrderMark.size() + 2) {
    dropped_ += end_;
    searched_ = end_ = 0;
  } else if (end_ == buffer_.size()) {
    buffer_.resize(buffer_.size() * 2);
  }
  const size_t read = std::fread(buffer_.data() + end_, 1, buffer_.size() - end_, file_.get());
  if (read == 0) {
    if (std::ferror(file_.get()) != 0) return ReadError(path_);
    ended_ = true;
  }
  sha_.Update(buffer_.data() + end_, read);
  end_ += read;
  file_offset_ += read;
  return absl::OkStatus();
}

void LineReader::Take(size_t end, size_t next, Line* line) {
  line->number = ++number_;
  line->offset = file_offset_ - (end_ - begin_) - dropped_;
  line->text = std::string_view(buffer_).substr(begin_, end - begin_);
  if (line->text.ends_with('\r')) line->text.remove_suffix(1);
  if (line->offset == 0 && line->text.starts_with(kByteOrderMark)) {
    line->text.remove_prefix(kByteOrderMark.size());
    line->offset += kByteOrderMark.size();
  }
  line->too_long = dropped_ > 0 || line->text.size() > bytes_max_;
  if (line->too_long) line->text = {};
  begin_ = searched_ = next;
  dropped_ = 0;
}

absl::StatusOr<bool> LineReader::Next(Line* line) {
  while (true) {
    const auto* newline =
        static_cast<const char*>(std::memchr(buffer_.data() + searched_, '\n', end_ - searched_));
    if (newline != nullptr) {
      const size_t at = static_cast<size_t>(newline - buffer_.data());
      Take(at, at + 1, line);
      return true;
    }
    searched_ = end_;
    if (ended_) {
      if (begin_ == end_ && dropped_ == 0) return false;
      Take(end_, end_, line);
      return true;
    }
    RETURN_IF_ERROR(Fill());
  }
}

}  // namespace strata
