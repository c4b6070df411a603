// Holds this process's membership in the MPI job from its first line to its last. Gives the
// collectives their ranks and the ways to agree on bytes; includes no mpi.h, so whoever holds it
// need not either.
//
// Lifecycle: one per process, made in main before any other thread calls MPI, destroyed last
// (MPI_Finalize waits for all ranks). Threads: one thread at a time. Errors: std::runtime_error
// with MPI's code; when a rank dies, mpirun ends the others.
#pragma once

#include <string>
#include <vector>

namespace strata {

class MpiSession {
 public:
  MpiSession(int* argc, char*** argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  int rank() const { return rank_; }
  int world() const { return world_; }
  // Among the ranks of this host.
  int local_rank() const { return local_rank_; }
  int local_world() const { return local_world_; }

  // Rank 0's bytes on every rank; what others pass is ignored. Every rank calls it.
  std::string BroadcastBytes(std::string from_rank0);
  // What each rank of this host gave, by local rank. Every rank calls it.
  std::vector<std::string> GatherLocal(const std::string& own) const;
  void Barrier();

  // Ends all ranks of the job with `code`.
  [[noreturn]] void Abort(int code);

 private:
  int rank_ = 0, world_ = 1, local_rank_ = 0, local_world_ = 1;
};

}  // namespace strata
