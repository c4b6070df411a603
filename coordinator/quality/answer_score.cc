#include "coordinator/quality/answer_score.h"

#include <algorithm>
#include <set>

namespace strata {
namespace {

// What U+00C0 … U+00FF become; '\0' keeps the letter, made lower case.
constexpr char kLatinBase[] =
    "aaaaaa\0ceeeeiiii\0\0ooooo\0ouuuuy\0\0"
    "aaaaaa\0ceeeeiiii\0\0ooooo\0ouuuuy\0y";
constexpr size_t kLatinLetters = 64;
static_assert(sizeof(kLatinBase) == kLatinLetters + 1);

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool IsWordByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || byte >= 0x80;
}

// What is beyond ASCII and no part of a word: ¡ ¿ « », the dashes and quotes of U+2010 … U+203F,
// and U+FFFD, which stands for bytes that are no text.
size_t PunctuationAt(std::string_view text, size_t at) {
  for (const std::string_view mark : {"¡", "¿", "«", "»", "\xEF\xBF\xBD"}) {
    if (text.substr(at, mark.size()) == mark) return mark.size();
  }
  const bool general = text.size() - at >= 3 && text[at] == '\xE2' && text[at + 1] == '\x80';
  return general ? 3 : 0;
}

std::vector<std::string> WordsOf(std::string_view folded) {
  std::vector<std::string> words;
  bool inside = false;
  for (size_t at = 0; at < folded.size();) {
    const size_t mark = PunctuationAt(folded, at);
    if (mark > 0 || !IsWordByte(folded[at])) {
      inside = false;
      at += std::max<size_t>(mark, 1);
      continue;
    }
    if (!inside) words.emplace_back();
    inside = true;
    words.back() += folded[at++];
  }
  return words;
}

}  // namespace

std::string Folded(std::string_view text) {
  std::string folded;
  folded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (IsSpace(c)) {
      if (!folded.empty() && folded.back() != ' ') folded += ' ';
    } else if (c == '\xC3' && i + 1 < text.size()) {
      const auto low = static_cast<unsigned char>(text[++i]);
      const size_t letter = low - 0x80u;
      if (letter < kLatinLetters && kLatinBase[letter] != '\0') {
        folded += kLatinBase[letter];
      } else {
        const bool upper = letter < 0x1F && letter != 0x17;  // but ×
        folded += {c, static_cast<char>(upper ? low + 0x20 : low)};
      }
    } else if (c == '\xCC' && i + 1 < text.size() && text[i + 1] == '\x83' && !folded.empty() &&
               folded.back() == 'n') {
      folded.back() = '\xC3', folded += '\xB1', ++i;  // n and a combining tilde
    } else if (c == '\xCC' && i + 1 < text.size()) {
      ++i;  // another combining accent
    } else {
      folded += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  if (!folded.empty() && folded.back() == ' ') folded.pop_back();
  return folded;
}

AnswerScore ScoreAnswer(std::string_view answer, const std::vector<std::string>& keywords,
                        uint32_t full_words) {
  const std::string folded = Folded(answer);
  AnswerScore score;
  size_t found = 0;
  for (const std::string& keyword : keywords)
    found += folded.find(Folded(keyword)) != std::string::npos;
  score.keywords = static_cast<double>(found) / static_cast<double>(keywords.size());
  const std::vector<std::string> words = WordsOf(folded);
  if (words.empty()) return score;
  const auto count = static_cast<double>(words.size());
  score.length = std::min(1.0, count / full_words);
  score.distinct =
      static_cast<double>(std::set<std::string>(words.begin(), words.end()).size()) / count;
  return score;
}

}  // namespace strata
