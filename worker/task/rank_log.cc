#include "worker/task/rank_log.h"

#include <chrono>
#include <cstdio>

namespace strata {

void SayAs(const WorkerIdentity& identity, LogLevel level, const std::string& event,
           const std::string& words) {
  if (identity.coordinator.empty()) {
    // A probe of strata doctor, which looks for this beginning.
    std::fprintf(stderr, "strata-worker: %s\n", words.c_str());
    return;
  }
  const std::string line = LogText({.time = std::chrono::system_clock::now(),
                                    .level = level,
                                    .run = identity.run,
                                    .attempt = identity.attempt,
                                    .rank = identity.rank,
                                    .event = event,
                                    .words = words},
                                   identity.log_format);
  std::fputs(line.c_str(), stderr);
}

}  // namespace strata
