#include "coordinator/config/branch_sample.h"

#include <algorithm>

namespace strata {
namespace {

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool IsComment(std::string_view line) { return line.substr(0, 1) == "#"; }

// "# one" and "# two" are one paragraph; a line that is indented in the comment stands alone.
void AddLine(std::string_view line, std::vector<std::string>* paragraphs) {
  const std::string_view words = line.substr(std::min<size_t>(2, line.size()));
  const bool alone = words.substr(0, 1) == " ";
  const bool goes_on = !alone && !paragraphs->empty() && paragraphs->back().substr(0, 1) != " ";
  if (goes_on) {
    paragraphs->back().append(" ").append(words);
  } else {
    paragraphs->emplace_back(words);
  }
}

}  // namespace

std::vector<std::string> SampleComment(std::string_view key) {
  const std::vector<std::string_view> lines = LinesOf(BranchSample());
  const auto is_key = [&](std::string_view line) {
    return line.substr(0, key.size()) == key && line.substr(key.size(), 1) == ":";
  };
  const auto at = key.empty() ? lines.end() : std::find_if(lines.begin(), lines.end(), is_key);
  if (at == lines.end()) return {};
  auto end = at;
  while (end != lines.begin() && !(end - 1)->empty() && !IsComment(*(end - 1))) --end;
  auto begin = end;
  while (begin != lines.begin() && IsComment(*(begin - 1))) --begin;
  std::vector<std::string> paragraphs;
  for (auto line = begin; line != end; ++line) AddLine(*line, &paragraphs);
  return paragraphs;
}

}  // namespace strata
