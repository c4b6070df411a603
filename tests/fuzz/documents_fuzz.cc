// Goal: no JSON document beside an adapter, a base or a run does harm. Method: the input as each of
// them: adapter_config.json, manifest.json, training_metadata.json, the stored plan, the index of
// weights, the base's generation_config.json and tokenizer_config.json. A plan that is taken gives
// steps and rates.
#include <cmath>

#include "common/huggingface/base_weights.h"
#include "common/huggingface/peft_config.h"
#include "common/json.h"
#include "coordinator/export/base_files.h"
#include "coordinator/plan/plan.h"
#include "coordinator/plan/shards.h"
#include "coordinator/store/metadata.h"
#include "coordinator/store/portability.h"
#include "coordinator/store/version_folder.h"
#include "coordinator/tokens/stop_tokens.h"
#include "coordinator/tokens/template_source.h"
#include "tests/fuzz/fuzz_folder.h"

namespace strata {
namespace {

void CheckPlan(const Plan& plan) {
  const Json json = PlanToJson(plan);
  const auto again = PlanFromJson(json);
  Expect(again.ok() && PlanToJson(*again) == json, "a plan that is taken is the plan it tells");
  for (const StagePlan& stage : plan.stages) {
    const uint32_t steps = stage.total_steps();
    if (steps > 0) {
      for (const uint32_t step : {0u, steps / 2, steps - 1})
        Expect(std::isfinite(LearningRateAt(plan, stage, step)), "a rate is a number");
    }
    for (uint32_t epoch = 0; epoch < std::min<size_t>(stage.steps.size(), 4); ++epoch) {
      size_t rows = 0;
      for (const StepRows& step : StepsOfEpoch(plan, stage, epoch)) {
        Expect(step.size() <= plan.global_batch_size, "a step has the batch's rows at most");
        rows += step.size();
        for (const RowPlan& row : step)
          Expect(row.tokens <= plan.max_length, "a row is no longer than max_length");
      }
      Expect(rows <= stage.examples.size(), "an example is in one row");
    }
    HeldOutSteps(plan, stage);
  }
}

void CheckMetadata(const Json& json) {
  Candidate candidate;
  candidate.adapter_name = "a";
  StageResult stage;
  stage.dataset = "train.jsonl";
  stage.loss = 1.5;
  candidate.stages = {stage};
  TakeEvaluations(json, &candidate.stages[0]);
  candidate.origin = Origin{json, MetadataFromElsewhere(json)};
  const Json metadata = TrainingMetadata(candidate, Version(2), json);
  Expect(metadata["training_history"].is_array(), "history goes on as a list");
  Expect(ParseJson(DumpJson(metadata), "it").ok(), "what is written can be read");
  LeftOutOf(json);
  TextOfPortability(json);
}

void CheckFiles(std::string_view input) {
  for (const char* name : {"adapter_config.json", "manifest.json", "tokenizer_config.json",
                           "generation_config.json", "model.safetensors.index.json"}) {
    TheFolder().Write(name, input);
  }
  const std::filesystem::path& folder = TheFolder().path();
  const auto peft = ReadPeftConfig(folder);
  if (peft.ok()) Expect(std::isfinite(peft->PlainAlpha()), "a scale is a number");
  const auto manifest = ReadManifest(folder, nullptr);
  if (manifest.ok()) {
    for (const auto& [name, record] : manifest->files)
      Expect(std::filesystem::path(name).filename() == name && name != "..",
             "a file of the folder");
  }
  const auto weights = WeightFiles(folder);
  if (weights.ok()) {
    for (const std::filesystem::path& file : *weights)
      Expect(file.lexically_normal().parent_path() == folder, "weights lie beside their index");
  }
  StopTokens(folder, 1).status().IgnoreError();
  ModelTemplate(folder).status().IgnoreError();
  NamedTokens(folder);
  WithChatTemplate(std::string(input), "{{ messages }}", "it").status().IgnoreError();
}

}  // namespace
}  // namespace strata

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strata;
  const std::string_view input = InputOf(data, size);
  const auto json = ParseJson(input, "the input");
  if (!json.ok()) return 0;
  CheckFiles(input);
  Expect(ParseJson(DumpJson(*json), "it").ok(), "what is read can be written and read again");
  const auto plan = PlanFromJson(*json);
  if (plan.ok()) CheckPlan(*plan);
  CheckMetadata(*json);
  PortabilityJson(PortabilityOf(*json, {}));
  return 0;
}
