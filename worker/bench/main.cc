// The program `step_bench`: see bench_options.cc for its usage.
#include <cmath>
#include <cstdio>

#include "worker/bench/bench_model.h"
#include "worker/bench/bench_options.h"
#include "worker/bench/json_line.h"
#include "worker/bench/named_device.h"
#include "worker/bench/step_timer.h"

namespace strata {
namespace {

constexpr int kUsage = 64, kData = 65, kUnavailable = 69, kBug = 70;  // of sysexits

std::string Report(const BenchOptions& options, const BenchModel& model, const StepTiming& timing) {
  const double tokens = static_cast<double>(options.rows * options.length);
  const double flops = 4 * static_cast<double>(LinearWeights(model.config)) * tokens;
  const double gflops = flops / timing.step_seconds / 1e9;
  JsonLine line;
  line.Text("peer", "strata")
      .Text("base", options.base)
      .Flag("random_weights", model.random)
      .Text("device", options.device)
      .Text("dtype", options.dtype)
      .Whole("rows", options.rows)
      .Whole("length", options.length)
      .Whole("micro_batch_size",
             options.micro_batch_size > 0 ? options.micro_batch_size : options.rows)
      .Flag("checkpointing", options.checkpointing)
      .Number("step_s", timing.step_seconds)
      .Number("tokens_per_s", tokens / timing.step_seconds)
      .Number("gflops_4n", gflops)
      .Whole("peak_mib", std::llround(timing.peak_mebibytes))
      .Number("loss", timing.loss);
  if (options.peak_tflops > 0) line.Number("mfu", gflops / 1000 / options.peak_tflops);
  return line.Line();
}

int Main(int argc, char** argv) {
  const BenchOptions options = ParseBenchOptions(argc, argv);
  if (options.help) {
    std::fputs(kBenchUsage, stdout);
    return 0;
  }
  NamedDevice(options.device);  // before weights are made for it
  BenchModel model = FindBenchModel(options.base);
  const StepTiming timing = TimeSteps(options, model);
  std::puts(Report(options, model, timing).c_str());
  return 0;
}

}  // namespace
}  // namespace strata

int main(int argc, char** argv) {
  const auto fail = [](const std::exception& error, int code) {
    std::fprintf(stderr, "step_bench: %s\n", error.what());
    return code;
  };
  try {
    return strata::Main(argc, argv);
  } catch (const strata::UsageError& error) {
    return fail(error, strata::kUsage);
  } catch (const strata::BaseError& error) {
    return fail(error, strata::kData);
  } catch (const strata::NoDevice& error) {
    return fail(error, strata::kUnavailable);
  } catch (const std::exception& error) {
    return fail(error, strata::kBug);
  }
}
