#include "common/log_line.h"

#include <array>
#include <cstdio>
#include <ctime>

#include "common/json.h"

namespace strata {
namespace {

constexpr std::array kLevels = {"info", "warning", "error"};
constexpr std::array kShoutedLevels = {"INFO", "WARNING", "ERROR"};

// "2026-11-30T00:05:13.123Z": UTC.
std::string TimeText(std::chrono::system_clock::time_point time) {
  const auto millis =
      std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const auto seconds = static_cast<time_t>((millis - (millis % 1000 + 1000) % 1000) / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::array<char, 8> rest{};
  std::snprintf(rest.data(), rest.size(), ".%03dZ",
                static_cast<int>((millis % 1000 + 1000) % 1000));
  return std::string(text.data(), length) + rest.data();
}

std::string OnOneLine(const std::string& words) {
  std::string line;
  for (const char sign : words) {
    const auto code = static_cast<unsigned char>(sign);
    std::array<char, 8> escape{};
    if (sign == '\n') {
      line += "\\n";
    } else if (code < 0x20 || code == 0x7F) {
      std::snprintf(escape.data(), escape.size(), "\\x%02x", code);
      line += escape.data();
    } else {
      line += sign;
    }
  }
  return line;
}

}  // namespace

LogFormat LogFormatOf(std::string_view name) {
  return name == "json" ? LogFormat::kJson : LogFormat::kText;
}

std::string LogText(const LogLine& line, LogFormat format) {
  const auto level = static_cast<size_t>(line.level);
  if (format == LogFormat::kJson) {
    const Json json = {{"time", TimeText(line.time)},
                       {"level", kLevels[level]},
                       {"run", line.run},
                       {"attempt", line.attempt},
                       {"rank", line.rank == kNoRank ? Json() : Json(line.rank)},
                       {"event", line.event},
                       {"message", line.words}};
    return DumpJson(json) + "\n";
  }
  const std::string rank = line.rank == kNoRank ? "-" : std::to_string(line.rank);
  return TimeText(line.time) + " " + kShoutedLevels[level] +
         " run=" + (line.run.empty() ? "-" : OnOneLine(line.run)) +
         " attempt=" + std::to_string(line.attempt) + " rank=" + rank + " " +
         OnOneLine(line.event) + (line.words.empty() ? "" : ": " + OnOneLine(line.words)) + "\n";
}

}  // namespace strata
