// Streams a file line by line in bounded memory and takes its SHA-256 in the same pass.
// Takes a path, gives catalog.cc each line with its place.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/sha256.h"

namespace strata {

struct Line {
  uint64_t number = 0;    // from 1
  uint64_t offset = 0;    // bytes from the beginning of the file
  std::string_view text;  // without "\n" or "\r\n", nor a byte order mark before the first line;
                          // lives until Next
  bool too_long = false;  // more than `bytes_max`; text is empty
};

// Holds at most 1 MiB or twice `bytes_max`, however long a line is.
class LineReader {
 public:
  // NOT_FOUND or UNAVAILABLE with the path when the file can't be opened. `bytes_max` bounds a
  // line's text.
  static absl::StatusOr<std::unique_ptr<LineReader>> Open(const std::filesystem::path& path,
                                                          uint64_t bytes_max);

  // False at the end of the file. UNAVAILABLE when reading fails; call no more then.
  absl::StatusOr<bool> Next(Line* line);

  // Of all bytes read. REQUIRES: Next returned false, and this is called once.
  Digest Finish() { return sha_.Finish(); }
  uint64_t bytes() const { return file_offset_; }

 private:
  struct Close {
    void operator()(FILE* file) const { std::fclose(file); }
  };
  LineReader(std::filesystem::path path, FILE* file, uint64_t bytes_max);
  // Reads on behind `end_`; at the end of the file sets `ended_`.
  absl::Status Fill();
  // The line in buffer_[begin_, end), of which `begin_` moves to `next`.
  void Take(size_t end, size_t next, Line* line);

  std::filesystem::path path_;
  std::unique_ptr<FILE, Close> file_;
  uint64_t bytes_max_;
  Sha256 sha_;
  std::string buffer_;
  size_t begin_ = 0, searched_ = 0,
         end_ = 0;            // the unread part, how far it has no line break, where it ends
  uint64_t file_offset_ = 0;  // of buffer_[end_]
  uint64_t dropped_ = 0;      // bytes of a line that is too long, no longer held
  uint64_t number_ = 0;
  bool ended_ = false;
};

}  // namespace strata
