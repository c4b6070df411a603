// Says what a group of workers is, whoever starts it.
// Made by coordinator/run, taken by a Launcher.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace strata {

struct Launch {
  int ranks = 1;
  std::filesystem::path worker;        // the program, at this path on every host
  std::vector<std::string> arguments;  // of the worker
  // Reaches every rank, and stands on no command line.
  std::vector<std::pair<std::string, std::string>> environment;
  std::filesystem::path log;  // takes stdout and stderr of all ranks, behind what it holds
};

// For every launch of ranks that compute. libgomp's threads spin for milliseconds by default: on
// shared cores they take from one another what they wait for. Two trainings at once on two cores, a
// base of 100 million parameters, were 4.4 times as slow as one alone at 10000 rounds, 2.1 times at
// 1000; alone they were as fast at either.
inline const std::pair<std::string, std::string> kShortSpin = {"GOMP_SPINCOUNT", "1000"};

}  // namespace strata
