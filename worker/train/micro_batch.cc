#include "worker/train/micro_batch.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace strata {
namespace {

[[noreturn]] void Refuse(const TrainingRow& row, const std::string& why) {
  throw std::invalid_argument("row " + std::to_string(row.index) + " of the step " + why);
}

std::vector<bool> FirstTokens(const TrainingRow& row) {
  std::vector<bool> first(row.ids.size(), false);
  size_t begin = 0;
  for (const int64_t length : row.example_lengths) {
    if (length <= 0 || static_cast<size_t>(length) > row.ids.size() - begin)
      Refuse(row, "has example lengths that do not add up to its " +
                      std::to_string(row.ids.size()) + " tokens");
    first[begin] = true;
    begin += length;
  }
  if (begin != row.ids.size())
    Refuse(row, "has " + std::to_string(row.ids.size()) + " tokens, its examples " +
                    std::to_string(begin));
  return first;
}

void Append(const TrainingRow& row, PackedTokens& packed) {
  const std::vector<bool> first = FirstTokens(row);
  const int64_t base = static_cast<int64_t>(packed.ids.size());
  const int64_t tokens = static_cast<int64_t>(row.ids.size());
  for (const SupervisedSpan& span : row.supervised) {
    if (span.begin < 0 || span.begin > span.end || span.end > tokens)
      Refuse(row, "supervises tokens it does not have: [" + std::to_string(span.begin) + ", " +
                      std::to_string(span.end) + ") of " + std::to_string(tokens));
    for (int64_t t = span.begin; t < span.end; ++t) {
      if (first[t])
        Refuse(row, "supervises the first token of an example, at " + std::to_string(t));
      packed.predictors.push_back(base + t - 1);
      packed.targets.push_back(row.ids[t]);
    }
  }
  packed.ids.insert(packed.ids.end(), row.ids.begin(), row.ids.end());
  packed.example_lengths.insert(packed.example_lengths.end(), row.example_lengths.begin(),
                                row.example_lengths.end());
  for (int64_t t = 0; t < tokens; ++t)
    packed.places.push_back({row.index, static_cast<uint32_t>(t)});
}

}  // namespace

std::vector<PackedTokens> MicroBatches(const std::vector<TrainingRow>& rows, uint32_t rows_max) {
  std::vector<const TrainingRow*> ordered;
  for (const TrainingRow& row : rows) ordered.push_back(&row);
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const auto* a, const auto* b) { return a->index < b->index; });
  std::vector<PackedTokens> batches;
  for (size_t i = 0; i < ordered.size(); ++i) {
    if (i % rows_max == 0) batches.emplace_back();
    Append(*ordered[i], batches.back());
  }
  return batches;
}

}  // namespace strata
