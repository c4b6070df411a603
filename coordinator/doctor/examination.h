// Holds what one examination asks and what its earlier checks made known to its later ones: the
// branch's settings and base, where they could be read. Each group of checks takes it and adds
// Findings to it; none stops at a problem.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/config/config.h"
#include "coordinator/doctor/finding.h"
#include "coordinator/doctor/worker_report.h"
#include "coordinator/run/base.h"

namespace strata {

struct DoctorRequest {
  std::filesystem::path branch = ".";
  bool branch_named = false;          // by the user: a folder that is no branch is a problem then
  std::vector<std::string> set;       // KEY=VALUE
  int ranks = 0;                      // 0: the branch's workers, else 2
  std::chrono::seconds patience{30};  // with the worker, and with the all-reduce
};

struct Examination {
  explicit Examination(DoctorRequest asked, std::function<void(const Finding&)> tell)
      : request(std::move(asked)), findings(std::move(tell)) {}

  const DoctorRequest request;
  Findings findings;
  std::optional<std::filesystem::path> branch;  // when there is one, however broken
  std::optional<Config> config;                 // when branch.yaml could be read
  std::optional<Base> base;                     // when the base could be opened
  std::optional<MachineReport> machine;         // when the worker could be asked

  // What is asked for, or the settings' defaults.
  Config settings() const { return config.value_or(Config()); }
  int ranks() const;
};

// In this order; `strata doctor` as a whole.
void Examine(Examination* examination);

void ExamineBranch(Examination* examination);    // branch.cc: branch.yaml to run.lock
void ExamineDisk(Examination* examination);      // disk.cc: what a commit asks of the file system
void ExamineLimits(Examination* examination);    // limits.cc: descriptors, TMPDIR, /dev/shm, cores
void ExaminePorts(Examination* examination);     // ports.cc: gRPC over loopback
void ExaminePrograms(Examination* examination);  // programs.cc: mpirun, strata-worker
void ExamineDevices(Examination* examination);   // devices.cc: CUDA, and memory for a worker
void ExamineRanks(Examination* examination);     // ranks.cc: all-reduce and speed

}  // namespace strata
