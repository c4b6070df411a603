// Goal: no token file, trained_examples.bin or checkpoint's header does harm, even one whose checks are true.
// Method: the input as each; and as a token file whose checks are computed anew, so that sizes and
// spans that lie are reached.
#include <cstring>

#include "common/keyed_random.h"
#include "common/sha256.h"
#include "common/train_state_bytes.h"
#include "coordinator/store/trained_examples.h"
#include "coordinator/tokens/dataset_tokens.h"
#include "tests/fuzz/fuzz_folder.h"

namespace strata {
namespace {

constexpr size_t kFooterBytes = 56, kIndexBytes = 24;  // token_file.cc: the layout of a token file

uint32_t Word(const std::string& bytes, size_t at) {
  uint32_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

uint64_t Long(const std::string& bytes, size_t at) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Makes the check of one index entry that of the example it points to, where that lies in the file.
void MendEntry(size_t at, std::string* bytes) {
  const uint64_t offset = Long(*bytes, at);
  if (offset > bytes->size() - 8) return;
  const uint64_t ids = Word(*bytes, offset), spans = Word(*bytes, offset + 4);
  if (8 + 4 * ids + 8 * spans > bytes->size() - offset) return;
  uint64_t check = MixKey(ids, spans);
  for (size_t i = 0; i < ids; ++i) check = MixKey(check, Word(*bytes, offset + 8 + 4 * i));
  for (size_t i = 0; i < spans; ++i) {
    const size_t span = offset + 8 + 4 * ids + 8 * i;
    check = MixKey(check, uint64_t{Word(*bytes, span)} << 32 | Word(*bytes, span + 4));
  }
  std::memcpy(bytes->data() + at + 16, &check, sizeof check);
}

// The input with a footer that fits its index, and true checks.
std::string Mended(std::string_view input) {
  std::string bytes(input);
  if (bytes.size() < kFooterBytes) return bytes;
  const size_t footer = bytes.size() - kFooterBytes;
  const uint64_t count = Long(bytes, footer + 16) % (footer / kIndexBytes + 1);
  const uint64_t index = footer - count * kIndexBytes;
  std::memcpy(bytes.data() + footer, "STRTOK02", 8);
  std::memcpy(bytes.data() + footer + 8, &index, sizeof index);
  std::memcpy(bytes.data() + footer + 16, &count, sizeof count);
  for (uint64_t i = 0; i < count; ++i) MendEntry(index + i * kIndexBytes, &bytes);
  const Digest digest = Sha256Of({bytes.data() + index, count * kIndexBytes});
  std::memcpy(bytes.data() + footer + 24, digest.bytes.data(), digest.bytes.size());
  return bytes;
}

void CheckTokens(std::string_view bytes) {
  const auto path = TheFolder().Write("a.tokens", bytes);
  const auto file = TokenFile::Open(path);
  if (!file.ok()) return;
  for (uint32_t i = 0; i < file->index().size(); ++i) {
    const auto example = file->Read(i);
    if (!example.ok()) continue;
    Expect(example->ids.size() == file->index()[i].tokens, "as many tokens as the index says");
    uint32_t end = 0;
    for (const Span& span : example->supervised) {
      Expect(span.begin >= end && span.begin < span.end && span.end <= example->ids.size(),
             "spans are in order and of the example");
      end = span.end;
    }
  }
  const auto cut = DatasetTokens::Open(path, 4, ExcessLength::kTruncate);
  if (!cut.ok()) return;
  for (uint32_t i = 0; i < cut->counts().size(); ++i) {
    const auto example = cut->Read(i);
    if (example.ok()) Expect(example->ids.size() <= 4, "nothing is longer than max_length");
  }
}

void CheckExamples(std::string_view bytes) {
  const auto examples = DecodeExamples(bytes);
  if (!examples.ok()) return;
  const std::string again = EncodeExamples(*examples);
  Expect(again == bytes, "what is taken is what EncodeExamples writes");
}

void CheckTrainState(std::string_view bytes) {
  const auto header = DecodeTrainStateHeader(bytes);
  if (!header.ok()) return;
  Expect(EncodeTrainStateHeader(*header) == bytes.substr(0, TrainStateHeaderBytes()),
         "what is taken is what EncodeTrainStateHeader writes");
  Expect(TrainStateBytes(*header) <= TrainStateBytesMax(header->elements), "a state is bounded");
}

}  // namespace
}  // namespace strata

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strata;
  const std::string_view input = InputOf(data, size);
  CheckExamples(input);
  CheckTrainState(input);
  CheckTrainState("strata checkpoint 1\n" + std::string(input));
  CheckTokens(input);
  CheckTokens(Mended(input));
  return 0;
}
