// Runs `strata ask`: expert questions put to two adapters, and what their answers are worth, side
// by side. Takes the questions of a file, gives each with its answers and scores; changes nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/config/config.h"
#include "coordinator/quality/answer_score.h"
#include "coordinator/quality/expert_questions.h"
#include "coordinator/quality/paired_difference.h"

namespace strata {

struct AskRequest {
  std::filesystem::path questions;  // "": evaluation/questions.jsonl of the branch
  // Names as GenerateRequest::adapter. `beside` "" is previous, or none (the base alone) where
  // there is no previous or it is the adapter itself.
  std::string adapter = "current", beside;
  uint32_t max_new_tokens = 160;
  uint32_t full_words = 40;  // words from which on an answer's length counts in full

  const std::atomic<int>* stops = nullptr;             // how often the user has asked to stop
  std::function<void()> on_start;                      // before a worker is launched
  std::function<void(const std::string&)> on_warning;  // of the adapter's folder, a sentence each
  // An answer of the first or the second of the two has come; `count` of them in all.
  std::function<void(size_t done, size_t count)> on_answer;
};

struct ScoredAnswer {
  std::string text;
  AnswerScore score;
};

struct AskedQuestion {
  ExpertQuestion question;
  ScoredAnswer answer, beside;
};

struct AskResult {
  std::string adapter, beside;  // what was asked: "v0002", "none", a folder
  std::vector<AskedQuestion> questions;
};

// Answers are the likeliest ones (greedy), so that asking again gives the same.
// INVALID_ARGUMENT when both names are of one adapter; errors as ReadExpertQuestions and Generate.
absl::StatusOr<AskResult> Ask(const Config& config, const AskRequest& request);

// The means over the questions of a level; of all of them for "".
struct LevelScore {
  std::string level;
  size_t questions = 0;
  AnswerScore answer, beside;
};
LevelScore MeanOfLevel(const AskResult& result, const std::string& level);
LevelScore MeanOfAll(const AskResult& result);

// By how much `answer` is better than `beside`, over the questions.
struct AskDifference {
  PairedDifference total, keywords;
};
AskDifference DifferenceOf(const AskResult& result);

}  // namespace strata
