#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "coordinator/catalog/example.h"

namespace strata {
namespace {

// The bytes of the white space that `text` begins with; 0 when it begins with something else.
size_t SpaceBytes(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const unsigned char first = byte(0);
  if (first == ' ' || (first >= '\t' && first <= '\r')) return 1;
  if (first == 0xC2) return byte(1) == 0x85 || byte(1) == 0xA0 ? 2 : 0;
  if (first < 0xE1 || first > 0xE3) return 0;
  const int tail = byte(1) << 8 | byte(2);
  const bool is_space = (first == 0xE1 && tail == 0x9A80) ||                    // U+1680
                        (first == 0xE2 && tail >= 0x8080 && tail <= 0x808A) ||  // U+2000 … U+200A
                        (first == 0xE2 && (tail == 0x80A8 || tail == 0x80A9)) ||  // U+2028, U+2029
                        (first == 0xE2 && (tail == 0x80AF || tail == 0x819F)) ||  // U+202F, U+205F
                        (first == 0xE3 && tail == 0x8080);                        // U+3000
  return is_space ? 3 : 0;
}

// False for bytes that begin no white space: nearly all, so that words are copied whole.
inline bool MayBeginSpace(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte <= ' ') | (byte == 0xC2) | ((byte >= 0xE1) & (byte <= 0xE3));
}

// How many bytes from the beginning are normal as they are, at least: words with single spaces
// between them. In blocks, which the compiler turns into vector code; most text is taken whole.
size_t NormalBytes(std::string_view text) {
  constexpr size_t kBlock = 32;
  size_t normal = 0;
  for (; normal + kBlock < text.size(); normal += kBlock) {
    const char* block = text.data() + normal;
    uint8_t irregular = 0;
    for (size_t i = 0; i < kBlock; ++i) {
      const uint8_t begins = MayBeginSpace(block[i]), next_begins = MayBeginSpace(block[i + 1]);
      irregular |= begins & static_cast<uint8_t>((block[i] != ' ') | next_begins);
    }
    if (irregular != 0) break;
  }
  return normal;
}

void AppendNormalised(std::string_view text, std::string* out) {
  const size_t begin = out->size();
  bool spaced = false;
  for (size_t i = 0; i < text.size();) {
    const size_t space = MayBeginSpace(text[i]) ? SpaceBytes(text.substr(i)) : 0;
    spaced = spaced || space > 0;
    i += space;
    if (space > 0) continue;
    size_t end = i + std::max<size_t>(1, NormalBytes(text.substr(i)));
    while (end < text.size() && !MayBeginSpace(text[end])) ++end;
    if (spaced && out->size() > begin) *out += ' ';
    spaced = false;
    out->append(text.substr(i, end - i));
    i = end;
  }
}

ExampleDigest First16(const Digest& digest) {
  ExampleDigest first;
  for (size_t i = 0; i < 8; ++i) {
    first.high = first.high << 8 | digest.bytes[i];
    first.low = first.low << 8 | digest.bytes[8 + i];
  }
  return first;
}

}  // namespace

bool IsBlank(std::string_view text) {
  while (!text.empty()) {
    const size_t space = SpaceBytes(text);
    if (space == 0) return false;
    text.remove_prefix(space);
  }
  return true;
}

ExampleDigests ExampleDigester::Of(const Example& example) {
  normalised_.clear();
  size_t prompt_bytes = 0;
  for (const Message& message : example.messages) {
    prompt_bytes = normalised_.size();
    normalised_ += message.role;
    normalised_ += '\0';
    AppendNormalised(message.content, &normalised_);
    normalised_ += '\0';
  }
  ExampleDigests digests;
  if (example.is_text()) {
    AppendNormalised(example.text, &normalised_);
    prompt_bytes = normalised_.size();
  }
  sha_.Update(normalised_);
  digests.content = First16(sha_.Finish());
  sha_.Update(normalised_.data(), prompt_bytes);
  digests.prompt = First16(sha_.Finish());
  return digests;
}

ExampleDigest ContentDigest(const Example& example) {
  return ExampleDigester().Of(example).content;
}
ExampleDigest PromptDigest(const Example& example) { return ExampleDigester().Of(example).prompt; }

}  // namespace strata
