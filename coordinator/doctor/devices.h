// Judges the devices that libtorch sees against what the branch asks for. Pure; ExamineDevices
// (examination.h) has asked the worker.
#pragma once

#include <optional>
#include <string>

#include "coordinator/doctor/finding.h"
#include "coordinator/doctor/machine.h"
#include "coordinator/doctor/worker_report.h"

namespace strata {

struct DeviceQuestion {
  MachineReport machine;
  std::string wish = "auto";  // device: of branch.yaml
  int ranks = 1;
  bool elsewhere = false;              // mpirun_args may put ranks on other hosts
  bool nvidia_card = false;            // on the bus
  std::optional<std::string> visible;  // CUDA_VISIBLE_DEVICES
};

Finding JudgeDevices(const DeviceQuestion& question);

// What the ranks of this host take at their peak, of main memory or, with devices, of one device
// each.
Finding JudgeMemory(uint64_t rank_bytes, const DeviceQuestion& question, const Memory& memory);

}  // namespace strata
