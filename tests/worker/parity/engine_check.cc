// Goal: someone who has a device, a libtorch and no Python can see whether the engine computes
// there what transformers + PEFT compute. Method: the stored reference, variant by variant, as
// parity_test.cc compares it; on a device besides the CPU's own figures, the dropout masks,
// training in bfloat16, and NCCL with one rank. Prints one JSON object; exits with 1 when a bound
// does not hold.
//
// usage: engine_check REFERENCE_DIR [--device cpu|cuda]
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <set>

#include "tests/worker/parity/reference_model.h"
#include "worker/bench/json_line.h"
#include "worker/bench/named_device.h"
#include "worker/model/dropout_masks.h"
#ifdef STRATA_WITH_NCCL
#include "worker/collective/nccl_collective.h"
#endif

namespace strata::testing {
namespace {

constexpr int kBroken = 1, kUsage = 64, kUnavailable = 69, kBug = 70;

// Relative. The CPU's are parity_test.cc's; another device adds up in another order.
struct Bounds {
  double loss, gradients, training, adapter;
};
constexpr Bounds kCpuBounds = {1e-5, 1e-4, 1e-4, 1e-3};
constexpr Bounds kDeviceBounds = {1e-5, 1e-3, 1e-3, 1e-2};
// Of a training's mean loss in bfloat16 to that in float32, in nats.
constexpr double kBfloat16Bound = 0.05;

double Off(double got, double expected) { return std::abs(got / expected - 1); }

// The largest difference of any tensor, relative to that tensor's largest value; infinite where a
// value is not finite.
double Off(const AdapterLayout& layout, const std::vector<float>& got,
           const std::vector<float>& expected) {
  double worst = 0;
  for (const AdapterTensor& tensor : layout.tensors) {
    double most = 1e-30, off = 0;
    for (int64_t i = tensor.offset; i < tensor.offset + tensor.elements(); ++i) {
      if (!std::isfinite(got[i])) return INFINITY;
      most = std::max(most, std::abs(static_cast<double>(expected[i])));
      off = std::max(off, std::abs(static_cast<double>(got[i]) - expected[i]));
    }
    worst = std::max(worst, off / most);
  }
  return worst;
}

double MeanLoss(const ReferenceModel::Training& training) {
  double sum = 0;
  for (const StepReport& report : training.reports) sum += report.loss;
  return sum / static_cast<double>(training.reports.size());
}

// One line of JSON with the figures of a variant, and whether all bounds hold.
class VariantCheck {
 public:
  VariantCheck(const std::string& folder, at::Device device)
      : name_(std::filesystem::path(folder).filename()),
        device_(device),
        bounds_(device.is_cpu() ? kCpuBounds : kDeviceBounds),
        model_(folder, device),
        cpu_model_(folder) {
    line_.Text("variant", name_);
  }

  void Run() {
    const ReferenceModel::FirstStep first = FirstStep(model_);
    line_.Number("loss", first.loss);
    const Reference& reference = model_.reference();
    Hold("loss_off", Off(first.loss, reference.Floats("losses")[0]), bounds_.loss);
    Hold("gradients_off",
         Off(model_.layout(), first.gradients, reference.Flat(model_.layout(), "grad.")),
         bounds_.gradients);
    CompareCheckpointing(first);
    if (!device_.is_cpu()) CompareWithCpu(first);
    CompareTraining();
    line_.Flag("ok", ok_);
  }

  bool ok() const { return ok_; }
  std::string Line() const { return line_.Line(); }
  void Fail(const std::string& error) {
    ok_ = false;
    line_.Flag("ok", false).Text("error", error);
  }

 private:
  static ReferenceModel::FirstStep FirstStep(const ReferenceModel& model) {
    return model.ComputeFirstStep(model.FirstPass());
  }

  // A bound of 0 asks for the same bits. NaN holds no bound.
  void Hold(const char* figure, double off, double bound) {
    line_.Number(figure, off);
    ok_ = ok_ && off <= bound;
  }

  void CompareCheckpointing(const ReferenceModel::FirstStep& kept) {
    TrainingPass again = model_.FirstPass();
    again.gradient_checkpointing = true;
    const ReferenceModel::FirstStep computed = model_.ComputeFirstStep(again);
    // Kernels of a device may add up in an order that is not the same twice.
    Hold("checkpointing_off", Off(model_.layout(), computed.gradients, kept.gradients),
         device_.is_cpu() ? 0 : bounds_.gradients);
  }

  void CompareWithCpu(const ReferenceModel::FirstStep& first) {
    const ReferenceModel::FirstStep cpu = FirstStep(cpu_model_);
    Hold("cpu_loss_off", Off(first.loss, cpu.loss), bounds_.loss);
    Hold("cpu_gradients_off", Off(model_.layout(), first.gradients, cpu.gradients),
         bounds_.gradients);
  }

  void CompareTraining() {
    const Reference& reference = model_.reference();
    const ReferenceModel::Training training = model_.Train();
    const std::vector<float> losses = reference.Floats("losses");
    double off = training.reports.size() == losses.size() ? 0 : INFINITY;
    for (size_t i = 0; i < std::min(losses.size(), training.reports.size()); ++i)
      off = std::max(off, Off(training.reports[i].loss, losses[i]));
    Hold("training_off", off, bounds_.training);
    Hold("adapter_off",
         Off(model_.layout(), training.adapter, reference.Flat(model_.layout(), "trained.")),
         bounds_.adapter);
    const double rounded = MeanLoss(model_.Train(at::kBFloat16));
    Hold("bfloat16_off", std::abs(rounded - MeanLoss(training)), kBfloat16Bound);
  }

  const std::string name_;
  const at::Device device_;
  const Bounds bounds_;
  const ReferenceModel model_, cpu_model_;
  JsonLine line_;
  bool ok_ = true;
};

// Of tokens and channels that fill no block of the kernel: every bit as the CPU's.
std::string CheckMasks(at::Device device) {
  const DropoutRate rate = QuantisedRate(0.3);
  std::vector<TokenPlace> places;
  for (uint32_t t = 0; t < 173; ++t) places.push_back({t % 5, 7 * t});
  try {
    const std::unique_ptr<DropoutMasks> masks = MakeDropoutMasks(rate, device);
    const PassPlaces placed = masks->Place(places);
    for (const int64_t channels : {1, 77, 1024}) {
      const MaskPurpose purpose{0x123456789abcdef, 5};
      const at::Tensor mask = masks->Mask(purpose, placed, channels).to(at::kCPU);
      if (!mask.equal(KeepMask(purpose, rate, places, channels)))
        return "failed: the masks are not the CPU's";
    }
  } catch (const std::exception& error) {
    return std::string("failed: ") + error.what();
  }
  return "ok";
}

// "ok", or what was left out or failed and why.
std::string CheckNccl([[maybe_unused]] at::Device device) {
#ifdef STRATA_WITH_NCCL
  if (device.is_cpu()) return "skipped: the CPU adds up over MPI, not NCCL";
  try {
    NcclGroup alone;
    alone.broadcast_bytes = [](std::string bytes) { return bytes; };
    const std::unique_ptr<Collective> collective = MakeNcclCollective(alone, device);
    const at::Tensor expected_N = at::arange(1 << 20, at::dtype(at::kFloat)).to(device);
    at::Tensor sum_N = expected_N.clone();
    collective->SumInPlace(sum_N);
    return sum_N.equal(expected_N) ? "ok" : "failed: the sum of one rank is not its values";
  } catch (const std::exception& error) {
    return std::string("failed: ") + error.what();
  }
#else
  return "skipped: built without NCCL";
#endif
}

// The folders of `folder` that hold a reference, sorted.
std::set<std::string> VariantsIn(const std::string& folder) {
  std::set<std::string> variants;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (std::filesystem::exists(entry.path() / "index.txt")) variants.insert(entry.path());
  }
  if (variants.empty())
    throw std::runtime_error("no reference in " + folder +
                             ": name tests/worker/parity/reference, or make one by "
                             "tests/worker/parity/make_reference.py");
  return variants;
}

int Check(const std::string& folder, const std::string& device_name) {
  const at::Device device = NamedDevice(device_name);
  PrepareLibtorch();
  std::string lines;
  bool ok = true;
  for (const std::string& variant : VariantsIn(folder)) {
    VariantCheck check(variant, device);
    try {
      check.Run();
    } catch (const std::exception& error) {
      check.Fail(error.what());
    }
    ok = ok && check.ok();
    lines += (lines.empty() ? "\n  " : ",\n  ") + check.Line();
  }
  const std::string nccl = CheckNccl(device), masks = CheckMasks(device);
  for (const std::string& part : {nccl, masks}) ok = ok && part.rfind("failed", 0) != 0;
  JsonLine report;
  report.Text("device", device_name).Text("masks", masks).Text("nccl", nccl).Flag("ok", ok);
  std::puts(report.Nested("variants", "[" + lines + "]").Line().c_str());
  return ok ? 0 : kBroken;
}

int Main(int argc, char** argv) {
  std::string folder, device = "cpu";
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--device" && i + 1 < argc) {
      device = argv[++i];
    } else if (word.rfind('-', 0) != 0 && folder.empty()) {
      folder = word;
    } else {
      folder.clear();
      break;
    }
  }
  if (folder.empty() || (device != "cpu" && device != "cuda")) {
    std::fputs("usage: engine_check REFERENCE_DIR [--device cpu|cuda]\n", stderr);
    return kUsage;
  }
  return Check(folder, device);
}

}  // namespace
}  // namespace strata::testing

int main(int argc, char** argv) {
  try {
    return strata::testing::Main(argc, argv);
  } catch (const strata::NoDevice& error) {
    std::fprintf(stderr, "engine_check: %s\n", error.what());
    return strata::testing::kUnavailable;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "engine_check: %s\n", error.what());
    return strata::testing::kBug;
  }
}
