#include "worker/collective/mpi_session.h"

#include <mpi.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

namespace strata {
namespace {

constexpr uint64_t kBroadcastBytesMax = uint64_t{1} << 30;  // MPI counts in int

void Require(int code, const char* what) {
  if (code != MPI_SUCCESS)
    throw std::runtime_error(std::string(what) + " failed with MPI error " + std::to_string(code));
}

}  // namespace

MpiSession::MpiSession(int* argc, char*** argv) {
  int provided = 0;
  Require(MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
  Require(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  if (provided < MPI_THREAD_SERIALIZED) {
    throw std::runtime_error("this MPI was built without MPI_THREAD_SERIALIZED; use another one");
  }
  Require(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
  Require(MPI_Comm_size(MPI_COMM_WORLD, &world_), "MPI_Comm_size");
  MPI_Comm local = MPI_COMM_NULL;
  Require(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &local),
          "MPI_Comm_split_type");
  Require(MPI_Comm_rank(local, &local_rank_), "MPI_Comm_rank");
  Require(MPI_Comm_size(local, &local_world_), "MPI_Comm_size");
  MPI_Comm_free(&local);
}

MpiSession::~MpiSession() { MPI_Finalize(); }

std::string MpiSession::BroadcastBytes(std::string from_rank0) {
  uint64_t size = from_rank0.size();
  Require(MPI_Bcast(&size, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD), "MPI_Bcast");
  from_rank0.resize(size);
  for (uint64_t at = 0; at < size; at += kBroadcastBytesMax) {
    const int count = static_cast<int>(std::min(kBroadcastBytesMax, size - at));
    Require(MPI_Bcast(from_rank0.data() + at, count, MPI_BYTE, 0, MPI_COMM_WORLD), "MPI_Bcast");
  }
  return from_rank0;
}

void MpiSession::Barrier() { Require(MPI_Barrier(MPI_COMM_WORLD), "MPI_Barrier"); }

void MpiSession::Abort(int code) {
  MPI_Abort(MPI_COMM_WORLD, code);
  std::_Exit(code);
}

}  // namespace strata
