// Scores an answer by what it says, how much it says and how little it repeats itself. Takes an
// answer and its question's keywords, gives `strata ask` its figures. Pure.
//
// Model: words are runs of letters and digits of any script; upper and lower case and the accents
// of Latin-1 letters make no difference, so "Etnografia" is "etnografía" (ñ is not n).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace strata {

// Each a share, 0 to 1.
struct AnswerScore {
  double keywords = 0;  // of the keywords that are in the answer
  double length = 0;    // words by the words that count in full; 1 from there on
  double distinct = 0;  // different words by words; 0 for an answer without words
  // 0.5 · keywords + 0.2 · length + 0.3 · distinct.
  double total() const { return 0.5 * keywords + 0.2 * length + 0.3 * distinct; }
};

// A keyword is found where the answer has it as it stands, within longer words too: "ritual" is in
// "rituales". REQUIRES: keywords is not empty, full_words > 0.
AnswerScore ScoreAnswer(std::string_view answer, const std::vector<std::string>& keywords,
                        uint32_t full_words);

// Lower case, of Latin-1 and with its accents taken off (but ñ), runs of white space as one space.
// Bytes that are not UTF-8 stay as they are.
std::string Folded(std::string_view text);

}  // namespace strata
