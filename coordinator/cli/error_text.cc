#include "coordinator/cli/error_text.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "coordinator/cli/text_width.h"

namespace strata {
namespace {

// How advice begins.
constexpr std::string_view kOpenings[] = {
    "`strata ", "add ",  "begin ",   "change ",  "check ",        "choose ", "close ",
    "convert ", "copy ", "correct ", "delete ",  "did you mean ", "edit ",   "evaluate ",
    "find ",    "free ", "give ",    "install ", "join ",         "keep ",   "look ",
    "lower ",   "make ", "move ",    "name ",    "put ",          "raise ",  "remove ",
    "rename ",  "run ",  "see ",     "set ",     "start ",        "take ",   "the nearest is ",
    "train ",   "try ",  "use ",     "wait ",    "write "};

bool IsAdvice(std::string_view text) {
  return std::any_of(std::begin(kOpenings), std::end(kOpenings), [&](std::string_view opening) {
    return text.substr(0, opening.size()) == opening;
  });
}

// "FILE:LINE" or a whole --set.
bool IsPlace(std::string_view text) {
  if (text.substr(0, 6) == "--set ") return true;
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
  const std::string_view line = text.substr(colon + 1);
  return std::all_of(line.begin(), line.end(), [](unsigned char c) { return std::isdigit(c); });
}

// Styled lines: `head` before the first, as many spaces before the others.
std::string Block(std::string_view head, std::string_view text, Style style,
                  const Terminal& terminal) {
  std::string lines;
  const size_t indent = DisplayWidth(head), columns = static_cast<size_t>(terminal.columns);
  const size_t room = columns > indent + 20 ? columns - indent : 0;
  std::string before(head);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    for (const std::string& line : Wrapped(Printable(text.substr(0, end)), room)) {
      lines += terminal.Styled(style, before + line) + "\n";
      before = std::string(indent, ' ');
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

ErrorParts PartsOf(std::string_view message) {
  ErrorParts parts;
  const size_t colon = message.find(": ");
  if (colon != std::string_view::npos && IsPlace(message.substr(0, colon))) {
    parts.where = message.substr(0, colon);
    message.remove_prefix(colon + 2);
  }
  const size_t last = message.rfind("; ");
  if (last != std::string_view::npos && IsAdvice(message.substr(last + 2))) {
    parts.advice = message.substr(last + 2);
    message = message.substr(0, last);
  }
  parts.what = message;
  return parts;
}

std::string ErrorText(std::string_view message, const Terminal& terminal) {
  if (!terminal.draws) return "strata: " + std::string(message) + "\n";
  const ErrorParts parts = PartsOf(message);
  return Block("strata: ", parts.what, Style::kRed, terminal) +
         Block("  at ", parts.where, Style::kPlain, terminal) +
         Block(terminal.Mark("→ ", "-> "), parts.advice, Style::kBold, terminal);
}

void PrintError(std::string_view message) {
  std::fputs(ErrorText(message, Terminal::Of(fileno(stderr))).c_str(), stderr);
}

}  // namespace strata
