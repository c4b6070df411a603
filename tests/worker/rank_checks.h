// Collects what one rank of a test program finds wrong. Each rank checks for itself and says what
// does not hold; any failure on any rank fails the job.
#pragma once

#include <cstdio>
#include <string>

#include "worker/collective/mpi_session.h"

namespace strata::testing {

class RankChecks {
 public:
  // `session` outlives it.
  explicit RankChecks(MpiSession& session) : session_(session) {}
  RankChecks(const RankChecks&) = delete;
  RankChecks& operator=(const RankChecks&) = delete;

  void Expect(bool holds, const std::string& what) {
    if (holds) return;
    std::fprintf(stderr, "rank %d: does not hold: %s\n", session_.rank(), what.c_str());
    ++failures_;
  }

  // That mpirun made one job of the ranks that the program's one argument says.
  void ExpectJob(int argc, char** argv) {
    Expect(argc == 2 && std::to_string(session_.world()) == argv[1], "mpirun made one job");
  }

  // Every rank calls it.
  void ExpectEqualRanks(const std::string& bytes, const std::string& what) {
    Expect(session_.BroadcastBytes(bytes) == bytes, what);
  }

  // Every rank calls it last.
  void Finish() {
    session_.Barrier();
    if (failures_ > 0) session_.Abort(1);
  }

 private:
  MpiSession& session_;
  int failures_ = 0;
};

}  // namespace strata::testing
