// Judges an all-reduce of a worker group, and how fast its ranks compute, by what the ranks told.
// Pure; ExamineRanks (examination.h) starts the group by the launcher that training uses.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "coordinator/doctor/finding.h"
#include "coordinator/doctor/worker_report.h"

namespace strata {

struct GroupRun {
  int ranks = 1;
  WorkerReport report = {};
  bool clean = false;  // ended by itself, exit status 0
  bool timed_out = false;
  std::string how = {};  // it ended
  std::chrono::seconds patience{};
  std::filesystem::path log = {};
};

Finding JudgeAllReduce(const GroupRun& run);

// `dtype` is what the branch computes in, "" without a branch.
Finding JudgeSpeed(const GroupRun& run, const std::string& dtype);

}  // namespace strata
