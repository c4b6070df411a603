#include "worker/bench/bench_options.h"

#include <cstdlib>
#include <functional>
#include <map>

namespace strata {

const char kBenchUsage[] =
    R"(Times a LoRA training step of strata's engine and prints one line of JSON.

usage: step_bench BASE [options]
  BASE               tiny, 100m, 1b (Llama 3.2 1B) or 8b (Llama 3.1 8B) with random weights; or
                     a Hugging Face folder; or a config.json, likewise with random weights
  --dtype D          float32 or bfloat16: what the base is computed in    (float32)
  --device D         cpu or cuda                                          (cpu)
  --rows N           rows of a step, without padding                      (4)
  --length N         tokens of a row                                      (512)
  --steps N          steps that count, after one that does not            (5)
  --micro-batch-size N   rows of a backward pass                          (all)
  --lora-r N         LoRA's rank, on every linear layer, alpha twice it   (56)
  --dropout X        LoRA's dropout                                       (0.025)
  --checkpointing    layers are computed again in the backward pass
  --peak-tflops X    of the device in this dtype: adds "mfu"
gflops_4n counts 4 FLOP for each multiplied weight and token: the base is frozen, so there is no
gradient of its weights, and nothing that is computed again counts.
)";

namespace {

int64_t PositiveCount(const std::string& name, const std::string& value) {
  char* end = nullptr;
  const long long count = std::strtoll(value.c_str(), &end, 10);
  if (end == value.c_str() || *end != '\0' || count < 1 || count > (1 << 30))
    throw UsageError(name + " takes a whole number of at least 1, not '" + value + "'");
  return count;
}

double Number(const std::string& name, const std::string& value, double below) {
  char* end = nullptr;
  const double number = std::strtod(value.c_str(), &end);
  if (end == value.c_str() || *end != '\0' || !(number >= 0) || !(number < below))
    throw UsageError(name + " does not take '" + value + "'; see step_bench --help");
  return number;
}

std::string OneOf(const std::string& name, const std::string& value, const std::string& first,
                  const std::string& second) {
  if (value != first && value != second)
    throw UsageError(name + " takes " + first + " or " + second + ", not '" + value + "'");
  return value;
}

}  // namespace

BenchOptions ParseBenchOptions(int argc, char** argv) {
  BenchOptions options;
  std::string value;  // of the option that is being read
  const auto whole = [&](const char* name, int64_t* to) {
    return [=, &value] { *to = PositiveCount(name, value); };
  };
  const std::map<std::string, std::function<void()>> readers = {
      {"--dtype", [&] { options.dtype = OneOf("--dtype", value, "float32", "bfloat16"); }},
      {"--device", [&] { options.device = OneOf("--device", value, "cpu", "cuda"); }},
      {"--rows", whole("--rows", &options.rows)},
      {"--length", whole("--length", &options.length)},
      {"--steps", whole("--steps", &options.steps)},
      {"--micro-batch-size", whole("--micro-batch-size", &options.micro_batch_size)},
      {"--lora-r", whole("--lora-r", &options.lora_r)},
      {"--dropout", [&] { options.dropout = Number("--dropout", value, 1); }},
      {"--peak-tflops", [&] { options.peak_tflops = Number("--peak-tflops", value, 1e6); }}};
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const auto reader = readers.find(name);
    if (reader != readers.end()) {
      if (++i == argc) throw UsageError(name + " takes a value");
      value = argv[i];
      reader->second();
    } else if (name == "--checkpointing") {
      options.checkpointing = true;
    } else if (name == "--help" || name == "-h") {
      options.help = true;
    } else if (name.rfind('-', 0) == 0 || !options.base.empty()) {
      throw UsageError("'" + name + "' is no option; see step_bench --help");
    } else {
      options.base = name;
    }
  }
  if (options.base.empty() && !options.help)
    throw UsageError("name a BASE to measure; see step_bench --help");
  if (options.length < 2) throw UsageError("--length takes at least 2: a first token is no target");
  return options;
}

}  // namespace strata
