#include <cstddef>

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

void AppendNormalised(std::string_view text, std::string* out) {
  const size_t begin = out->size();
  bool spaced = false;
  for (size_t i = 0; i < text.size();) {
    const size_t space = SpaceBytes(text.substr(i));
    if (space > 0) {
      spaced = true;
      i += space;
      continue;
    }
    if (spaced && out->size() > begin) *out += ' ';
    spaced = false;
    *out += text[i++];
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
