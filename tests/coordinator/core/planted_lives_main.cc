// Lives lives of a run with a bug in its core: usage: planted_lives BUG LIVES. Exits with 1, and
// says what was seen, once a promise is broken. Built with the sources that planted_bugs.py has
// made.
#include <cstdio>
#include <cstdlib>

#include "tests/coordinator/core/simulated_life.h"

int strata_planted_bug = 0;  // awake; 0 is none

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  strata_planted_bug = std::atoi(argv[1]);
  const uint64_t lives = static_cast<uint64_t>(std::atoll(argv[2]));
  for (uint64_t seed = 1; seed <= lives; ++seed) {
    const std::string violation = strata::Live(strata::PlanOfSeed(seed)).violation;
    if (violation.empty()) continue;
    std::printf("life %llu: %s\n", static_cast<unsigned long long>(seed), violation.c_str());
    return 1;
  }
  std::printf("%llu lives without a broken promise\n", static_cast<unsigned long long>(lives));
  return 0;
}
