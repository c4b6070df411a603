// Judges the limits that the shell and the container set. Pure; ExamineLimits (examination.h) asks
// the kernel.
#pragma once

#include "coordinator/doctor/finding.h"
#include "coordinator/doctor/machine.h"

namespace strata {

// Against OpenFilesNeeded.
Finding JudgeOpenFiles(const OpenFilesLimit& limit, int ranks);
// `quota` and what is usable against the ranks.
Finding JudgeCores(const Cores& cores, int ranks);
// Open MPI and NCCL put what ranks share into /dev/shm.
Finding JudgeSharedMemory(const Disk& disk, int ranks);

}  // namespace strata
