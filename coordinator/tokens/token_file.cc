#include "coordinator/tokens/token_file.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/keyed_random.h"
#include "common/sha256.h"

namespace strata {
namespace {

// Bodies of the examples, the index, this. A change of the layout changes the mark.
struct Footer {
  char mark[8] = {'S', 'T', 'R', 'T', 'O', 'K', '0', '2'};
  uint64_t index_offset = 0;
  uint64_t count = 0;
  Digest index_sha256;
};

struct ExampleHeader {
  uint32_t ids = 0, spans = 0;
};

Digest DigestOf(const std::vector<TokenIndex>& index) {
  Sha256 sha;
  sha.Update(index.data(), index.size() * sizeof(TokenIndex));
  return sha.Finish();
}

uint64_t CheckOf(const TokenizedExample& example) {
  uint64_t check = MixKey(example.ids.size(), example.supervised.size());
  for (const uint32_t id : example.ids) check = MixKey(check, id);
  for (const Span& span : example.supervised)
    check = MixKey(check, uint64_t{span.begin} << 32 | span.end);
  return check;
}

// Before anything is allocated for them: that the ids and spans lie within `bytes`.
bool Fits(const ExampleHeader& header, uint64_t bytes) {
  return sizeof header + header.ids * uint64_t{sizeof(uint32_t)} +
             header.spans * uint64_t{sizeof(Span)} <=
         bytes;
}

// Spans that the example has: in order, disjoint, and of as many tokens as the index says.
bool IsSupervisedAs(const TokenIndex& index, const TokenizedExample& example) {
  uint32_t begin = 1, supervised = 0;
  for (const Span& span : example.supervised) {
    if (span.begin < begin || span.end <= span.begin || span.end > example.ids.size()) return false;
    supervised += span.end - span.begin;
    begin = span.end;
  }
  return supervised == index.supervised;
}

absl::Status Broken(const std::filesystem::path& file) {
  return absl::DataLossError(
      absl::StrCat("the token file ", file.string(), " is not whole; delete it and try again"));
}

template <typename T>
bool ReadInto(std::ifstream& stream, T* to, size_t count) {
  return static_cast<bool>(
      stream.read(reinterpret_cast<char*>(to), static_cast<std::streamsize>(count * sizeof(T))));
}

template <typename T>
void WriteFrom(std::ofstream& stream, const T* from, size_t count) {
  stream.write(reinterpret_cast<const char*>(from),
               static_cast<std::streamsize>(count * sizeof(T)));
}

}  // namespace

absl::StatusOr<TokenFileWriter> TokenFileWriter::Create(const std::filesystem::path& file) {
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  TokenFileWriter writer;
  writer.file_ = file;
  // Two commands may tokenise one dataset at once: each beside the other, and the last one's file
  // stays.
  writer.beside_ = file.string() + "." + RandomHex(4) + ".new";
  writer.stream_.open(writer.beside_, std::ios::binary | std::ios::trunc);
  if (!writer.stream_) {
    return absl::UnavailableError(
        absl::StrCat("cannot write ", writer.beside_.string(), ": ", std::strerror(errno)));
  }
  return writer;
}

TokenFileWriter::~TokenFileWriter() {
  std::error_code ignored;
  if (stream_.is_open()) std::filesystem::remove(beside_, ignored);
}

void TokenFileWriter::Append(const TokenizedExample& example) {
  uint32_t supervised = 0;
  for (const Span& span : example.supervised) supervised += span.end - span.begin;
  index_.push_back(
      {offset_, static_cast<uint32_t>(example.ids.size()), supervised, CheckOf(example)});
  const ExampleHeader header{static_cast<uint32_t>(example.ids.size()),
                             static_cast<uint32_t>(example.supervised.size())};
  WriteFrom(stream_, &header, 1);
  WriteFrom(stream_, example.ids.data(), example.ids.size());
  WriteFrom(stream_, example.supervised.data(), example.supervised.size());
  offset_ += sizeof header + example.ids.size() * sizeof(uint32_t) +
             example.supervised.size() * sizeof(Span);
}

absl::Status TokenFileWriter::Finish() {
  Footer footer;
  footer.index_offset = offset_;
  footer.count = index_.size();
  footer.index_sha256 = DigestOf(index_);
  WriteFrom(stream_, index_.data(), index_.size());
  WriteFrom(stream_, &footer, 1);
  stream_.close();
  std::error_code error;
  if (stream_) std::filesystem::rename(beside_, file_, error);
  if (!stream_ || error) {
    std::filesystem::remove(beside_, error);
    return absl::UnavailableError(
        absl::StrCat("cannot write ", file_.string(), ": is the disk full?"));
  }
  return absl::OkStatus();
}

absl::StatusOr<TokenFile> TokenFile::Open(const std::filesystem::path& file) {
  TokenFile opened;
  opened.path_ = file;
  opened.stream_ = std::make_unique<Stream>();
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat("no token file ", file.string()));
  Footer footer;
  const Footer expected;
  stream.seekg(0, std::ios::end);
  const auto bytes = static_cast<uint64_t>(stream.tellg());
  if (bytes < sizeof footer) return Broken(file);
  stream.seekg(static_cast<std::streamoff>(bytes - sizeof footer));
  if (!ReadInto(stream, &footer, 1) ||
      std::memcmp(footer.mark, expected.mark, sizeof footer.mark) != 0 ||
      footer.count > bytes / sizeof(TokenIndex) || footer.index_offset > bytes ||
      footer.index_offset + footer.count * sizeof(TokenIndex) + sizeof footer != bytes) {
    return Broken(file);
  }
  opened.index_offset_ = footer.index_offset;
  opened.index_.resize(footer.count);
  stream.seekg(static_cast<std::streamoff>(footer.index_offset));
  if (!ReadInto(stream, opened.index_.data(), footer.count) ||
      DigestOf(opened.index_) != footer.index_sha256) {
    return Broken(file);
  }
  return opened;
}

absl::StatusOr<TokenizedExample> TokenFile::Read(uint32_t example) const {
  const std::lock_guard lock(stream_->mutex);
  std::ifstream& stream = stream_->stream;
  if (!stream.is_open()) stream.open(path_, std::ios::binary);
  const TokenIndex& index = index_[example];
  ExampleHeader header;
  if (index.offset > index_offset_) return Broken(path_);
  stream.clear();
  stream.seekg(static_cast<std::streamoff>(index.offset));
  if (!ReadInto(stream, &header, 1) || header.ids != index.tokens ||
      !Fits(header, index_offset_ - index.offset)) {
    return Broken(path_);
  }
  TokenizedExample read{std::vector<uint32_t>(header.ids), std::vector<Span>(header.spans)};
  if (!ReadInto(stream, read.ids.data(), header.ids) ||
      !ReadInto(stream, read.supervised.data(), header.spans) || CheckOf(read) != index.check ||
      !IsSupervisedAs(index, read)) {
    return Broken(path_);
  }
  return read;
}

}  // namespace strata
