#include "coordinator/run/micro_batch_choice.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/counted.h"
#include "common/machine_memory.h"

namespace strata {
namespace {

constexpr double kAssumedGpuGb = 16, kGb = 1e9;
constexpr double kGpuShare = 0.9;   // the rest is what the allocator cannot use
constexpr double kMainShare = 0.8;  // the rest is the system's and the coordinator's

uint32_t ShareOf(const Config& config) {
  return (config.global_batch_size + config.workers - 1) / config.workers;
}

Config With(Config config, bool checkpointing) {
  config.gradient_checkpointing = checkpointing;
  return config;
}

MicroBatch Because(MicroBatch micro_batch, std::string why) {
  micro_batch.why = std::move(why);
  return micro_batch;
}

// REQUIRES: gradient_checkpointing is true or false.
MicroBatch ChooseRows(const Config& config, const Base& base, const MemoryBudget& budget) {
  const uint32_t share = ShareOf(config);
  const auto of = [&](uint32_t rows) {
    MicroBatch micro_batch{.rows = rows, .estimate = {}, .budget = budget};
    micro_batch.chosen = config.micro_batch_size == 0;
    micro_batch.checkpointing = *config.gradient_checkpointing;
    micro_batch.estimate = EstimateMemory(config, base, std::min(rows, share), budget.on_cuda);
    return micro_batch;
  };
  if (config.micro_batch_size > 0) return of(config.micro_batch_size);
  MicroBatch chosen = of(1);
  for (uint64_t rows = 2; rows <= share && chosen.fits(); rows *= 2) {
    const MicroBatch larger = of(static_cast<uint32_t>(rows));
    if (!larger.fits()) break;
    chosen = larger;
  }
  return chosen;
}

}  // namespace

MemoryBudget BudgetOf(const Config& config, uint64_t free_bytes, bool driver) {
  const bool is_known = config.gpu_memory_gb > 0;
  const bool on_cuda = config.device == "cuda" || (config.device == "auto" && (is_known || driver));
  if (on_cuda) {
    const double gb = is_known ? config.gpu_memory_gb : kAssumedGpuGb;
    const std::string source =
        is_known ? absl::StrFormat("nine tenths of gpu_memory_gb: %g", gb)
                 : absl::StrFormat(
                       "nine tenths of %g GB, which is assumed: gpu_memory_gb tells how "
                       "much a GPU has",
                       gb);
    return {true, static_cast<uint64_t>(gb * kGb * kGpuShare), source};
  }
  const double bytes = static_cast<double>(free_bytes) * kMainShare / config.workers;
  return {false, static_cast<uint64_t>(bytes),
          absl::StrCat(absl::StrFormat("four fifths of the %.1f GB of main memory that are free",
                                       static_cast<double>(free_bytes) / kGb),
                       config.workers > 1 ? absl::StrCat(", by ", config.workers, " workers")
                                          : std::string())};
}

MemoryBudget BudgetHere(const Config& config) {
  std::error_code error;
  const bool driver = std::filesystem::exists("/proc/driver/nvidia/version", error);
  return BudgetOf(config, MemoryHere().available_bytes, driver);
}

MicroBatch ChooseMicroBatch(const Config& config, const Base& base, const MemoryBudget& budget) {
  if (config.gradient_checkpointing.has_value()) return ChooseRows(config, base, budget);
  const MicroBatch kept = ChooseRows(With(config, false), base, budget);
  const uint64_t tokens = uint64_t{std::min(kept.rows, ShareOf(config))} * config.max_length;
  const bool whole = kept.rows >= ShareOf(config) || !kept.chosen;
  if (kept.fits() && (whole || tokens >= kTokensThatFill)) {
    return Because(kept, absl::StrCat(Counted(kept.rows, "row"), " at once fit",
                                      kept.rows == 1 ? "s" : "", " without it"));
  }
  const MicroBatch again = ChooseRows(With(config, true), base, budget);
  if (!kept.fits()) {
    return Because(again, absl::StrCat("without it ", Counted(kept.rows, "row"), " at once ",
                                       kept.rows == 1 ? "does" : "do", " not fit"));
  }
  // More memory that makes no more rows fit is not worth the time.
  if (again.rows <= kept.rows) return Because(kept, "with it no more rows would fit at once");
  return Because(again, absl::StrCat("without it only ", Counted(kept.rows, "row"), ", ", tokens,
                                     " tokens, would fit at once, and fewer than ", kTokensThatFill,
                                     " cost more time than computing again"));
}

Config Settled(Config config, const MicroBatch& micro_batch) {
  config.micro_batch_size = micro_batch.rows;
  config.gradient_checkpointing = micro_batch.checkpointing;
  return config;
}

std::string NoRoomText(const MicroBatch& micro_batch, const Config& config) {
  if (!micro_batch.chosen || micro_batch.fits()) return "";
  std::vector<std::string> ways = {"lower max_length"};
  if (!micro_batch.checkpointing) ways.push_back("set gradient_checkpointing: true");
  if (!micro_batch.budget.on_cuda && config.workers > 1) ways.push_back("lower workers");
  return absl::StrFormat(
      "one row at a time takes an estimated %.1f GB, and %.1f GB are there (%s): %s",
      static_cast<double>(micro_batch.estimate.total()) / kGb,
      static_cast<double>(micro_batch.budget.bytes) / kGb, micro_batch.budget.source,
      absl::StrJoin(ways, ", or "));
}

}  // namespace strata
