#include "worker/collective/mpi_collective.h"

#include <ATen/ATen.h>
#include <mpi.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace strata {
namespace {

constexpr int64_t kChunk = int64_t{4} << 20;  // elements reduced at a time

void Require(int code, const char* what) {
  if (code != MPI_SUCCESS)
    throw std::runtime_error(std::string(what) + " failed with MPI error " + std::to_string(code));
}

// Which part of a chunk each rank adds up.
struct Slices {
  std::vector<int> begins, counts;
};

Slices SlicesOf(int64_t count, int world) {
  Slices slices;
  for (int rank = 0; rank < world; ++rank) {
    const int64_t begin = count * rank / world, end = count * (rank + 1) / world;
    slices.begins.push_back(static_cast<int>(begin));
    slices.counts.push_back(static_cast<int>(end - begin));
  }
  return slices;
}

}  // namespace

void MpiCollective::SumInPlace(at::Tensor& flat_N) {
  if (!flat_N.is_cpu() || flat_N.scalar_type() != at::kFloat || !flat_N.is_contiguous())
    throw std::invalid_argument("MPI reduces contiguous fp32 tensors on the CPU only");
  if (world() == 1) return;
  float* const values = flat_N.data_ptr<float>();
  for (int64_t begin = 0; begin < flat_N.numel(); begin += kChunk)
    SumChunk(values + begin, std::min(kChunk, flat_N.numel() - begin));
}

void MpiCollective::SumChunk(float* values, int64_t count) {
  const Slices slices = SlicesOf(count, world());
  const int own = slices.counts[rank()];
  std::vector<int> places;
  for (int from = 0; from < world(); ++from) places.push_back(from * own);
  const std::vector<int> own_counts(world(), own);
  received_.resize(static_cast<size_t>(own) * world());
  Require(
      MPI_Alltoallv(values, slices.counts.data(), slices.begins.data(), MPI_FLOAT, received_.data(),
                    own_counts.data(), places.data(), MPI_FLOAT, MPI_COMM_WORLD),
      "MPI_Alltoallv");
  float* const sums = values + slices.begins[rank()];
  std::copy(received_.begin(), received_.begin() + own, sums);
  for (int from = 1; from < world(); ++from)
    for (int i = 0; i < own; ++i) sums[i] += received_[places[from] + i];
  Require(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_FLOAT, values, slices.counts.data(),
                         slices.begins.data(), MPI_FLOAT, MPI_COMM_WORLD),
          "MPI_Allgatherv");
}

}  // namespace strata
