// Finds a rank's place on its host: its device and its cores, which it binds its computing threads
// to; memory follows the thread that touches it first.
// Takes the wish of branch.yaml and the ranks beside this one, gives the worker what it computes
// with, and the coordinator what it shows of it.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "worker/collective/mpi_session.h"

namespace strata {

struct RankPlace {
  at::Device device = at::Device(at::kCPU);
  std::string device_name;  // of a CUDA device
  std::string cpus;         // "0-7": that it computes on
  bool own_cpus = false;    // no other rank of the host does
  int threads = 1;
};

// Every rank calls it, with the same wish: ranks of a host look at one another. `threads` > 0 is
// taken as it is, 0 is as many as there are cpus in the rank's share and as Slurm has allotted it
// (OMP_NUM_THREADS, where it is set). With other ranks on the host, the calling thread, and those it starts later, keep to the
// share; a GPU's rank to the cpus near its GPU. Throws HopelessTask as DeviceOf.
RankPlace FindPlace(const std::string& wish, int threads, const MpiSession& session);

}  // namespace strata
