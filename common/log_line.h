// Writes one line of strata's own logs, which says of itself when, how bad, and which run, attempt
// and rank: run.log of the coordinator and the workers' lines in worker.log have the same form.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace strata {

enum class LogFormat { kText, kJson };
enum class LogLevel { kInfo, kWarning, kError };

inline constexpr int kNoRank = -1;  // the coordinator, or a worker that does not know its rank yet

struct LogLine {
  std::chrono::system_clock::time_point time = {};
  LogLevel level = LogLevel::kInfo;
  std::string run = {};  // "": not known yet
  uint32_t attempt = 0;  // 0: before the first, or not known yet
  int rank = kNoRank;
  std::string event = {};  // one word of what the line is about: "joined"
  std::string words = {};
};

// "json" and anything else.
LogFormat LogFormatOf(std::string_view name);

// One line, with its line break and no other. Text: "2026-11-30T00:05:13.123Z INFO run=R attempt=1
// rank=- joined: WORDS"; signs that would break the line or drive a terminal are written as
// escapes. JSON: {"time", "level", "run", "attempt", "rank" (null for none), "event", "message"}.
std::string LogText(const LogLine& line, LogFormat format);

}  // namespace strata
