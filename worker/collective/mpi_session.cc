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

// The ranks of one host; freed with it.
class HostRanks {
 public:
  explicit HostRanks(int rank) {
    Require(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &comm_),
            "MPI_Comm_split_type");
  }
  ~HostRanks() { MPI_Comm_free(&comm_); }
  HostRanks(const HostRanks&) = delete;
  HostRanks& operator=(const HostRanks&) = delete;
  MPI_Comm comm() const { return comm_; }

 private:
  MPI_Comm comm_ = MPI_COMM_NULL;
};

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
  const HostRanks local(rank_);
  Require(MPI_Comm_rank(local.comm(), &local_rank_), "MPI_Comm_rank");
  Require(MPI_Comm_size(local.comm(), &local_world_), "MPI_Comm_size");
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

std::vector<std::string> MpiSession::GatherLocal(const std::string& own) const {
  const HostRanks local(rank_);
  const int bytes = static_cast<int>(own.size());
  std::vector<int> sizes(static_cast<size_t>(local_world_)), begins;
  Require(MPI_Allgather(&bytes, 1, MPI_INT, sizes.data(), 1, MPI_INT, local.comm()),
          "MPI_Allgather");
  int total = 0;
  for (const int size : sizes) {
    begins.push_back(total);
    total += size;
  }
  std::string all(static_cast<size_t>(total), '\0');
  Require(MPI_Allgatherv(own.data(), bytes, MPI_BYTE, all.data(), sizes.data(), begins.data(),
                         MPI_BYTE, local.comm()),
          "MPI_Allgatherv");
  std::vector<std::string> gathered;
  for (size_t i = 0; i < sizes.size(); ++i)
    gathered.push_back(all.substr(static_cast<size_t>(begins[i]), static_cast<size_t>(sizes[i])));
  return gathered;
}

void MpiSession::Barrier() { Require(MPI_Barrier(MPI_COMM_WORLD), "MPI_Barrier"); }

void MpiSession::Abort(int code) {
  MPI_Abort(MPI_COMM_WORLD, code);
  std::_Exit(code);
}

}  // namespace strata
