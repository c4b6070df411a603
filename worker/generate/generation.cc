#include "worker/generate/generation.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_set>

#include "worker/generate/token_picker.h"

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;

// Tokens of prompts that are begun in one pass, beyond the first prompt's: bounds its memory.
constexpr size_t kBegunTokensMax = 2048;

// A prompt that is under way.
struct Sequence {
  uint32_t prompt = 0;
  std::vector<int64_t> ids;      // the prompt and what was generated
  int64_t generated = 0;         // tokens
  std::vector<int64_t> pending;  // ids that the next pass reads
  std::unordered_set<int64_t> met;
  std::unique_ptr<KvCache> cache;
  Clock::time_point begun;
  bool ended = false;
};

Sequence Begun(const GenerationWork& work, size_t index, const Decoder& decoder) {
  const std::vector<int64_t>& ids = work.prompts[index];
  Sequence sequence;
  sequence.prompt = static_cast<uint32_t>(index);
  if (ids.empty() || static_cast<int64_t>(ids.size()) >= decoder.positions_max()) {
    throw std::invalid_argument("prompt " + std::to_string(index) + " has " +
                                std::to_string(ids.size()) + " tokens, the model " +
                                std::to_string(decoder.positions_max()) + " positions");
  }
  sequence.ids = sequence.pending = ids;
  sequence.met = {ids.begin(), ids.end()};
  sequence.cache = decoder.NewCache();
  sequence.begun = Clock::now();
  return sequence;
}

// Begins the next prompts while there is room for them.
void BeginMore(const GenerationWork& work, const Decoder& decoder, size_t* next,
               std::vector<Sequence>* active) {
  size_t tokens = 0;
  while (*next < work.prompts.size() && active->size() < static_cast<size_t>(work.batch_size)) {
    tokens += work.prompts[*next].size();
    if (tokens > kBegunTokensMax && tokens > work.prompts[*next].size()) return;
    active->push_back(Begun(work, (*next)++, decoder));
  }
}

// One pass for all: fp32 logits on the CPU, a row for each.
at::Tensor NextLogits(const Decoder& decoder, const std::vector<at::Tensor>& adapter,
                      const std::vector<Sequence>& active) {
  std::vector<NewTokens> tokens;
  for (const Sequence& sequence : active)
    tokens.push_back({sequence.pending, sequence.cache.get()});
  return decoder.Logits(tokens, adapter).to(at::kCPU).contiguous();
}

// What the next pass reads: the new token, or everything where the cache no longer holds.
void Append(int64_t id, const Decoder& decoder, Sequence* sequence) {
  sequence->pending = {id};
  const bool anew = decoder.OutgrowsCache(static_cast<int64_t>(sequence->ids.size()));
  sequence->ids.push_back(id);
  sequence->met.insert(id);
  if (!anew) return;
  sequence->pending = sequence->ids;
  sequence->cache = decoder.NewCache();
}

// Picks the sequence's next token and says so.
void Advance(const GenerationWork& work, std::span<float> logits_V, const Decoder& decoder,
             Sequence* sequence, const OnToken& on_token) {
  PenaliseRepetition(logits_V, sequence->met, work.sampling.repetition_penalty);
  GeneratedToken token;
  token.prompt = sequence->prompt;
  token.position = static_cast<uint32_t>(sequence->generated);
  const int64_t id = PickToken(logits_V, work.sampling, {token.prompt, token.position});
  const bool stops =
      std::find(work.stop_ids.begin(), work.stop_ids.end(), id) != work.stop_ids.end();
  if (stops) {
    token.end = GenerationEnd::kStopToken;
  } else {
    token.id = id;
    Append(id, decoder, sequence);
    const bool full = static_cast<int64_t>(sequence->ids.size()) >= decoder.positions_max();
    if (++sequence->generated >= work.max_new_tokens || full) token.end = GenerationEnd::kLength;
  }
  sequence->ended = token.end != GenerationEnd::kNone;
  token.seconds = std::chrono::duration<double>(Clock::now() - sequence->begun).count();
  on_token(token);
}

}  // namespace

std::vector<at::Tensor> CastAdapter(const Decoder& decoder,
                                    const std::vector<at::Tensor>& adapter) {
  std::vector<at::Tensor> cast;
  for (const at::Tensor& tensor : adapter) cast.push_back(tensor.detach().to(decoder.compute()));
  return cast;
}

void Generate(const GenerationWork& work, const Decoder& decoder,
              const std::vector<at::Tensor>& adapter, const OnToken& on_token) {
  const c10::NoGradGuard no_grad;
  std::vector<Sequence> active;
  size_t next = 0;
  for (;;) {
    BeginMore(work, decoder, &next, &active);
    if (active.empty()) return;
    at::Tensor logits_SV = NextLogits(decoder, adapter, active);
    const auto vocabulary = static_cast<size_t>(logits_SV.size(1));
    float* const logits = logits_SV.mutable_data_ptr<float>();
    for (size_t i = 0; i < active.size(); ++i) {
      Advance(work, {logits + i * vocabulary, vocabulary}, decoder, &active[i], on_token);
    }
    std::erase_if(active, [](const Sequence& sequence) { return sequence.ended; });
  }
}

}  // namespace strata
