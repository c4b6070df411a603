#include "worker/train/evaluation.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "worker/train/micro_batch.h"
#include "worker/train/split_sum.h"

namespace strata {
namespace {

Evaluation OwnShare(uint32_t micro_batch_size, const Decoder& decoder, const FlatAdapter& adapter,
                    const StepWork& work) {
  Evaluation share;
  for (const PackedTokens& tokens : MicroBatches(work.rows, micro_batch_size)) {
    if (tokens.targets.empty()) continue;
    share.loss_sum += decoder.NllSum(tokens, adapter.leaves(), std::nullopt).item<double>();
    share.tokens += static_cast<int64_t>(tokens.targets.size());
  }
  return share;
}

}  // namespace

Evaluation EvaluateStage(uint32_t steps, uint32_t micro_batch_size, TrainingEngine engine,
                         const FetchStep& fetch) {
  const c10::NoGradGuard no_grad;
  Evaluation own;
  for (uint32_t step = 0; step < steps; ++step) {
    const Evaluation share =
        OwnShare(micro_batch_size, engine.decoder, engine.adapter, fetch(step));
    own.loss_sum += share.loss_sum;
    own.tokens += share.tokens;
  }
  const SplitSum loss = Split(own.loss_sum), tokens = SplitCount(own.tokens);
  const float words[] = {loss.high, loss.low, tokens.high, tokens.low};
  at::Tensor sums = at::tensor(at::ArrayRef<float>(words), at::kFloat).to(engine.adapter.device());
  engine.collective.SumInPlace(sums);
  sums = sums.to(at::kCPU);
  const float* sum = sums.const_data_ptr<float>();
  return {Joined({sum[0], sum[1]}), JoinedCount({sum[2], sum[3]})};
}

}  // namespace strata
