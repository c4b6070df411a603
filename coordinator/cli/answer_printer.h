// Prints answers in the order of their prompts while they are generated side by side: as they come
// in a terminal (a control sign but a line break or a tab is shown as "?"), whole elsewhere, or as
// a line of JSON each.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "coordinator/run/generation.h"

namespace strata {

enum class AnswerStyle { kStreamed, kWhole, kJson };

class AnswerPrinter {
 public:
  // `prompts` outlives this. Where there are several, each answer follows its prompt.
  AnswerPrinter(AnswerStyle style, const std::vector<std::string>& prompts);
  void OnText(size_t prompt, const std::string& piece);
  void OnEnd(size_t prompt, const Generated& answer);
  // Ends a line that is being streamed.
  void Break();

 private:
  void ShowHead();
  void ShowWaiting();
  void ShowEnd(const Generated& answer);

  const AnswerStyle style_;
  const std::vector<std::string>& prompts_;
  size_t shown_ = 0;  // the prompt whose answer comes next, or is being streamed
  bool head_shown_ = false, in_line_ = false;
  std::map<size_t, std::string> waiting_;  // text not yet printed, by prompt
  std::map<size_t, Generated> ended_;      // of prompts not yet printed to their end
};

}  // namespace strata
