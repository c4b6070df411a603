#include "common/train_state_bytes.h"

#include <bit>
#include <cmath>

namespace strata {
namespace {

static_assert(std::endian::native == std::endian::little, "sections are written as they lie");

constexpr std::string_view kFormatLine = "strata checkpoint 1\n";
constexpr std::string_view kFormatWord = "strata checkpoint ";
constexpr size_t kNumbers = 13;
constexpr uint64_t kElementsMax = uint64_t{1} << 40;

void Put(uint64_t value, std::string* bytes) {
  for (int shift = 0; shift < 64; shift += 8) bytes->push_back(static_cast<char>(value >> shift));
}

uint64_t Get(std::string_view bytes, size_t number) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i)
    value |= uint64_t{static_cast<unsigned char>(bytes[number * 8 + i])} << (8 * i);
  return value;
}

}  // namespace

uint64_t TrainStateHeaderBytes() { return kFormatLine.size() + kNumbers * 8; }

uint64_t TrainStateBytes(const TrainStateHeader& header) {
  return TrainStateHeaderBytes() + SectionsOf(header) * header.elements * sizeof(float);
}

uint64_t TrainStateBytesMax(uint64_t elements) {
  return TrainStateHeaderBytes() + 5 * elements * sizeof(float);
}

std::string EncodeTrainStateHeader(const TrainStateHeader& header) {
  std::string bytes(kFormatLine);
  for (const uint64_t number :
       {uint64_t{header.stage}, uint64_t{header.epoch}, uint64_t{header.step}, header.elements,
        header.updates, uint64_t{header.nonfinite_in_a_row}, uint64_t{header.high_in_a_row},
        uint64_t{header.applied}, uint64_t{header.evaluation_due}, uint64_t{header.worse_in_a_row},
        uint64_t{header.best_steps}, std::bit_cast<uint64_t>(header.best_loss),
        uint64_t{header.keeps_best}}) {
    Put(number, &bytes);
  }
  return bytes;
}

absl::StatusOr<TrainStateHeader> DecodeTrainStateHeader(std::string_view bytes) {
  if (bytes.substr(0, kFormatWord.size()) != kFormatWord)
    return absl::DataLossError("this is no checkpoint of strata");
  if (bytes.substr(0, kFormatLine.size()) != kFormatLine)
    return absl::FailedPreconditionError(
        "the checkpoint has another format than 1: go on with the strata that wrote it");
  if (bytes.size() < TrainStateHeaderBytes())
    return absl::DataLossError("the checkpoint ends within its header");
  bytes.remove_prefix(kFormatLine.size());
  TrainStateHeader header;
  bool fits = true;
  const auto whole = [&](size_t number) {
    const uint64_t value = Get(bytes, number);
    fits &= value <= UINT32_MAX;
    return static_cast<uint32_t>(value);
  };
  const auto flag = [&](size_t number) {
    fits &= Get(bytes, number) <= 1;
    return Get(bytes, number) == 1;
  };
  header.stage = whole(0), header.epoch = whole(1), header.step = whole(2);
  header.elements = Get(bytes, 3);
  header.updates = Get(bytes, 4);
  header.nonfinite_in_a_row = whole(5), header.high_in_a_row = whole(6);
  header.applied = whole(7);
  header.evaluation_due = flag(8);
  header.worse_in_a_row = whole(9), header.best_steps = whole(10);
  header.best_loss = std::bit_cast<double>(Get(bytes, 11));
  header.keeps_best = flag(12);
  if (!fits || header.elements > kElementsMax || !std::isfinite(header.best_loss))
    return absl::DataLossError("the checkpoint's header holds numbers that cannot be");
  return header;
}

}  // namespace strata
