// Runs `strata generate`: answers to prompts with an adapter, by a worker of its own. Changes
// nothing. Takes texts, gives texts; whoever calls never sees a token.
//
// Threads: one call at a time; the callbacks come from the thread that called, text of several
// prompts interleaved.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/sampling.h"
#include "coordinator/config/config.h"

namespace strata {

// The answer to one prompt.
struct Generated {
  std::string text;           // as the base's tokenizer decodes the ids, without special tokens
  std::vector<uint32_t> ids;  // without the one that ended it
  uint64_t prompt_tokens = 0;
  double seconds = 0;      // since the worker began the prompt, others beside it
  std::string stopped_by;  // "eos", or "length": max_new_tokens or the base's positions
};

struct GenerateRequest {
  std::vector<std::string> prompts;  // what a user says, each the beginning of a conversation
  std::string system;                // the system message before each; "" is none
  bool raw = false;                  // continue the prompts as they are, without a template
  std::string adapter = "current";   // as AdapterNamed takes it
  Sampling sampling;
  uint32_t max_new_tokens = 256;  // per prompt, ≥ 1
  uint32_t batch_size = 32;       // prompts that are continued at once, ≥ 1; memory only

  const std::atomic<int>* stops = nullptr;             // how often the user has asked to stop
  std::function<void()> on_start;                      // before the worker is launched
  std::function<void(const std::string&)> on_warning;  // of the adapter's folder, a sentence each
  // What has become certain of an answer's text; together it is Generated::text.
  std::function<void(size_t prompt, const std::string& piece)> on_text;
  std::function<void(size_t prompt, const Generated& answer)> on_end;
};

// An answer for each prompt, in their order. INVALID_ARGUMENT for a blank prompt, one that is
// longer than the base's positions, a setting out of its range, or an adapter that there is not;
// CANCELLED when stopped; NOT_FOUND when mpirun or the worker is missing; UNAVAILABLE when the
// worker failed; else what OpenBase, ExampleTokenizer and AdapterNamed say.
absl::StatusOr<std::vector<Generated>> Generate(const Config& config,
                                                const GenerateRequest& request);

}  // namespace strata
