#include "coordinator/doctor/examination.h"

namespace strata {

int Examination::ranks() const {
  if (request.ranks > 0) return request.ranks;
  return config ? static_cast<int>(config->workers) : 2;
}

void Examine(Examination* examination) {
  ExamineBranch(examination);
  ExamineDisk(examination);
  ExamineLimits(examination);
  ExaminePorts(examination);
  ExaminePrograms(examination);
  ExamineDevices(examination);
  ExamineRanks(examination);
}

}  // namespace strata
