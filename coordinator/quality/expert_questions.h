// Reads the questions by which a branch's answers are judged. Takes a JSONL file of evaluation/,
// gives `strata ask` what to ask and answer_score.h what to look for.
//
// Model: a line is {"question": "…", "level": "básico", "keywords": ["…", …]}; other keys are
// ignored. Levels are the user's words: básico, intermedio, avanzado and experto are shown in this
// order, others after them in the order of the file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace strata {

struct ExpertQuestion {
  std::string question;
  std::string level;                  // "" when the line has none
  std::vector<std::string> keywords;  // at least one
};

// NOT_FOUND when there is no file (says what one looks like); DATA_LOSS with FILE:LINE for a line
// that is no question: nothing is left out silently, for the mean would be of something else.
// OUT_OF_RANGE for a file of more than 16 MiB or without any question.
absl::StatusOr<std::vector<ExpertQuestion>> ReadExpertQuestions(const std::filesystem::path& file);

// The levels of `questions`, each once, in the order in which they are shown.
std::vector<std::string> LevelsOf(const std::vector<ExpertQuestion>& questions);

}  // namespace strata
