// Composes the JSON documents that a version carries for its readers: PEFT's adapter_config.json
// and the branch's training_metadata.json. Takes a Candidate and its parent's metadata; the version
// folder writes them.
#pragma once

#include <chrono>
#include <string>

#include "common/json.h"
#include "coordinator/store/candidate.h"

namespace strata {

// "2025-10-31T10:40:42Z": UTC, whole seconds.
std::string Iso8601(std::chrono::system_clock::time_point time);
// "20251031_104042": UTC.
std::string CompactTime(std::chrono::system_clock::time_point time);

Json LeftOutJson(const LeftOut& left_out);
// What is missing counts as none.
LeftOut LeftOutOf(const Json& json);

// What was measured on held-out rows, as keys of a stage's line: eval_loss, evaluations,
// ended_early; each only where there is something to tell.
void AddEvaluations(const StageResult& stage, Json* line);
void TakeEvaluations(const Json& line, StageResult* stage);

// Exactly the keys that PEFT, vLLM and llama.cpp read. rsLoRA is folded into lora_alpha, since
// llama.cpp does not know it; the metadata keeps what was configured.
Json AdapterConfig(const Candidate& candidate);

// What an adapter from elsewhere brings along as if it were its parent's metadata: its history with
// each line marked "elsewhere", totals and last_… figures. best_loss begins anew, for only what was
// measured here compares. null when `foreign` has no training_history.
Json MetadataFromElsewhere(const Json& foreign);

// The parent's metadata (null for none) carried on by the candidate's trained stages: totals add
// up, the history grows, best_loss is the least over all stages that were measured. A stage trained
// elsewhere that the history names already is not counted again.
Json TrainingMetadata(const Candidate& candidate, Version version, const Json& parent);

}  // namespace strata
