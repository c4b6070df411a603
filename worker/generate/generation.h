// Continues prompts token by token: one pass of the decoder for all that are under way, a pick for
// each. Takes the work as plain values, gives every token to its listener as soon as it exists.
//
// Model: a prompt is begun whole, then goes on by one token a pass with a KV cache of its own; when
// one ends, the next is begun in its place. What is drawn for a prompt depends on nothing beside
// it.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "worker/generate/generation_work.h"
#include "worker/model/decoder.h"

namespace strata {

using OnToken = std::function<void(const GeneratedToken&)>;

// The tensors in the dtype that `decoder` computes in, cast once instead of in each pass.
std::vector<at::Tensor> CastAdapter(const Decoder& decoder, const std::vector<at::Tensor>& adapter);

// Returns when every prompt has its end: a stop token, max_new_tokens, or as many tokens as the
// model has positions. `adapter` as the decoder takes it. Throws std::invalid_argument for a prompt
// that is empty or has no position left, std::runtime_error when the logits are not finite.
void Generate(const GenerationWork& work, const Decoder& decoder,
              const std::vector<at::Tensor>& adapter, const OnToken& on_token);

}  // namespace strata
