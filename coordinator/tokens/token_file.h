// Keeps the tokens of one dataset in a file: written once from front to back, read by example.
// The token store writes it; a run keeps a copy, so that plan and shards no longer need the
// dataset.
//
// Durability: a writer that is not finished leaves no file of that name. A file that is not whole
// is DATA_LOSS when it is opened, an example that is not what was written is when it is read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace strata {

// Half-open, in tokens of the example; never holds token 0, which nothing predicts.
struct Span {
  uint32_t begin = 0, end = 0;
};

struct TokenizedExample {
  std::vector<uint32_t> ids;     // closed as ExampleTokenizer::Tokenize says, unless truncated
  std::vector<Span> supervised;  // in order, disjoint
};

// Where an example lies and how long it is, before any truncation.
struct TokenIndex {
  uint64_t offset = 0;  // bytes
  uint32_t tokens = 0, supervised = 0;
  uint64_t check = 0;  // of the example's ids and spans
};

class TokenFileWriter {
 public:
  // Writes beside `file`. UNAVAILABLE when it can't.
  static absl::StatusOr<TokenFileWriter> Create(const std::filesystem::path& file);
  // Removes what was begun and not finished.
  ~TokenFileWriter();
  TokenFileWriter(TokenFileWriter&&) noexcept = default;
  void Append(const TokenizedExample& example);
  // Puts the file in its place. UNAVAILABLE with the reason (disk full) when it could not be
  // written.
  absl::Status Finish();

 private:
  TokenFileWriter() = default;
  std::filesystem::path file_, beside_;
  std::ofstream stream_;
  std::vector<TokenIndex> index_;
  uint64_t offset_ = 0;
};

// Threads: Read may be called from several at once.
class TokenFile {
 public:
  static absl::StatusOr<TokenFile> Open(const std::filesystem::path& file);
  const std::vector<TokenIndex>& index() const { return index_; }
  // REQUIRES: example < index().size().
  absl::StatusOr<TokenizedExample> Read(uint32_t example) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  struct Stream {
    std::mutex mutex;
    std::ifstream stream;  // guarded by mutex; opened by the first Read
  };
  std::filesystem::path path_;
  std::unique_ptr<Stream> stream_;
  std::vector<TokenIndex> index_;
  uint64_t index_offset_ = 0;  // where the examples end, in bytes
};

}  // namespace strata
