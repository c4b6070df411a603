// Measures what a rank would train with, for `strata doctor`: needs no coordinator and no gRPC.
//
// Model: tells what it finds on stdout, one line of JSON per event, each begun with {"probe": and
// written at once, so that of a group that hangs it is known which rank got how far:
//   machine  what libtorch is and which devices it sees, or why none; without MPI
//   started  before MPI is entered; joined  with rank, host and device; reduced  the time of an
//   all-reduce and how many of its values are wrong; speed  GFLOP/s of matrix products.
// Errors: throws std::exception; the caller ends all ranks.
#pragma once

#include <cstdint>
#include <string>

#include "worker/collective/mpi_session.h"

namespace strata {

struct ProbeOptions {
  std::string device = "auto";
  int threads = 0;             // as FindPlace has it
  int64_t elements = 1 << 20;  // of the buffer that is reduced
};

void TellMachine();

// REQUIRES: MPI has not been entered.
void TellStarted();

// Joins the other ranks, adds up with them through the Collective that training takes, and then,
// all ranks at once, multiplies matrices in fp32 and in bf16.
void ProbeRanks(MpiSession& session, const ProbeOptions& options);

}  // namespace strata
