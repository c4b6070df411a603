#include "coordinator/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace strata {
namespace {

constexpr int kColumnsUnknown = 80;
constexpr int kColumnsMax = 1000;

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

const char* CodeOf(Style style) {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kBold:
      return "\033[1m";
    case Style::kDim:
      return "\033[2m";
    case Style::kRed:
      return "\033[31m";
    case Style::kGreen:
      return "\033[32m";
    case Style::kYellow:
      return "\033[33m";
    case Style::kBlue:
      return "\033[34m";
    case Style::kMagenta:
      return "\033[35m";
    case Style::kCyan:
      return "\033[36m";
  }
  return "";
}

}  // namespace

Terminal Terminal::Decide(bool is_device, int columns,
                          const std::function<const char*(const char*)>& variable) {
  const auto value = [&](const char* name) -> std::string {
    const char* const found = variable(name);
    return found == nullptr ? "" : found;
  };
  const auto is_on = [&](const char* name) { return !value(name).empty() && value(name) != "0"; };
  Terminal terminal;
  terminal.draws = is_device && value("TERM") != "dumb";
  const bool forced = is_on("CLICOLOR_FORCE") || is_on("FORCE_COLOR");
  terminal.colour =
      value("NO_COLOR").empty() && (forced || (terminal.draws && value("CLICOLOR") != "0"));
  std::string locale;
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (locale.empty()) locale = Lower(value(name));
  }
  terminal.utf8 =
      locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  if (!is_device) return terminal;
  if (columns <= 0) columns = std::atoi(value("COLUMNS").c_str());
  terminal.columns = columns > 0 ? std::min(columns, kColumnsMax) : kColumnsUnknown;
  return terminal;
}

Terminal Terminal::Of(int descriptor) {
  winsize size{};
  const bool is_device = isatty(descriptor) != 0;
  if (is_device && ioctl(descriptor, TIOCGWINSZ, &size) != 0) size.ws_col = 0;
  return Decide(is_device, size.ws_col, [](const char* name) { return std::getenv(name); });
}

std::string Terminal::Styled(Style style, std::string_view text) const {
  if (!colour || style == Style::kPlain || text.empty()) return std::string(text);
  return CodeOf(style) + std::string(text) + "\033[0m";
}

std::string Terminal::Mark(std::string_view utf8_mark, std::string_view ascii_mark) const {
  return std::string(utf8 ? utf8_mark : ascii_mark);
}

}  // namespace strata
