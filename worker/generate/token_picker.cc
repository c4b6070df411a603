#include "worker/generate/token_picker.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "common/keyed_random.h"

namespace strata {
namespace {

struct Candidate {
  double weight = 0;  // exp of the logit over the temperature, 1 for the largest
  int64_t id = 0;
};

bool LessLikely(const Candidate& a, const Candidate& b) {
  return a.weight != b.weight ? a.weight < b.weight : a.id > b.id;
}

bool Likelier(const Candidate& a, const Candidate& b) { return LessLikely(b, a); }

double WeightOf(const std::vector<Candidate>& candidates) {
  double sum = 0;
  for (const Candidate& candidate : candidates) sum += candidate.weight;
  return sum;
}

size_t Likeliest(std::span<const float> logits_V) {
  size_t best = 0;
  bool finite = true;
  for (size_t i = 0; i < logits_V.size(); ++i) {
    finite = finite && !std::isnan(logits_V[i]);
    if (logits_V[i] > logits_V[best]) best = i;
  }
  if (finite && std::isfinite(logits_V[best])) return best;
  throw std::runtime_error(
      "the model's logits are not finite: the adapter or the base makes numbers overflow; try "
      "dtype: float32");
}

void KeepTopK(uint32_t top_k, std::vector<Candidate>* candidates) {
  if (top_k == 0 || top_k >= candidates->size()) return;
  std::nth_element(candidates->begin(), candidates->begin() + top_k, candidates->end(), Likelier);
  candidates->resize(top_k);
}

// From the likeliest on until they have the share. A heap, since a few of many tokens have it.
void KeepTopP(double top_p, std::vector<Candidate>* candidates) {
  if (top_p >= 1) return;
  const double share = top_p * WeightOf(*candidates);
  std::vector<Candidate> kept;
  std::make_heap(candidates->begin(), candidates->end(), LessLikely);
  double sum = 0;
  while (!candidates->empty() && (kept.empty() || sum < share)) {
    std::pop_heap(candidates->begin(), candidates->end(), LessLikely);
    kept.push_back(candidates->back());
    candidates->pop_back();
    sum += kept.back().weight;
  }
  *candidates = std::move(kept);
}

// Uniform in [0, 1) with 53 bits.
double Draw(uint64_t seed, DrawPlace place) {
  const PhiloxCounter words = Philox({place.position, place.prompt, 0, 0}, PhiloxKeyOf(seed));
  const uint64_t bits = (uint64_t{words[0]} << 32 | words[1]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

}  // namespace

void PenaliseRepetition(std::span<float> logits_V, const std::unordered_set<int64_t>& met,
                        double penalty) {
  if (penalty == 1) return;
  const auto factor = static_cast<float>(penalty);
  for (const int64_t id : met) {
    if (id < 0 || static_cast<size_t>(id) >= logits_V.size()) continue;
    float& logit = logits_V[static_cast<size_t>(id)];
    logit = logit > 0 ? logit / factor : logit * factor;
  }
}

int64_t PickToken(std::span<const float> logits_V, const Sampling& sampling, DrawPlace place) {
  const size_t likeliest = Likeliest(logits_V);
  if (sampling.temperature == 0) return static_cast<int64_t>(likeliest);
  const double largest = logits_V[likeliest];
  std::vector<Candidate> candidates(logits_V.size());
  for (size_t i = 0; i < logits_V.size(); ++i)
    candidates[i] = {std::exp((logits_V[i] - largest) / sampling.temperature),
                     static_cast<int64_t>(i)};
  KeepTopK(sampling.top_k, &candidates);
  KeepTopP(sampling.top_p, &candidates);
  double left = Draw(sampling.seed, place) * WeightOf(candidates);
  for (const Candidate& candidate : candidates) {
    left -= candidate.weight;
    if (left < 0) return candidate.id;
  }
  // The sum was rounded otherwise: the last that can be drawn.
  const auto last = std::find_if(candidates.rbegin(), candidates.rend(),
                                 [](const Candidate& candidate) { return candidate.weight > 0; });
  return last->id;
}

}  // namespace strata
