#include "coordinator/run/preparation.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config_json.h"
#include "common/huggingface/base_weights.h"
#include "common/lora_scale.h"
#include "common/status_macros.h"
#include "coordinator/core/run_core.h"
#include "coordinator/run/named_adapter.h"
#include "coordinator/tokens/template_source.h"

namespace strata {
namespace {

constexpr uint32_t kHeartbeatMs = 500;

// What is wrong with a dataset's text, and not with the machine.
bool IsOfTheData(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsOutOfRange(status);
}

// Fills in the preparation's tokens and how long they took. The views live as long as it does.
absl::StatusOr<TokensOfCatalog> ReadTokens(const TokenStore& store, const std::vector<bool>& needed,
                                           const TokenizeProgress& progress,
                                           Preparation* preparation) {
  const auto begin = std::chrono::steady_clock::now();
  uint64_t made = 0;  // bytes of the dataset that were not in the cache
  const TokenizeProgress counted = [&](uint64_t done, uint64_t total) {
    made = done;
    if (progress) progress(done, total);
  };
  const std::vector<Dataset>& datasets = preparation->catalog.datasets;
  preparation->tokens.resize(datasets.size());
  TokensOfCatalog views(datasets.size(), nullptr);
  for (size_t i = 0; i < datasets.size(); ++i) {
    if (!needed[i]) continue;
    absl::StatusOr<DatasetTokens> tokens = store.TokensOf(datasets[i], counted);
    preparation->tokenized_bytes += std::exchange(made, 0);
    if (tokens.ok()) {
      views[i] = &preparation->tokens[i].emplace(*std::move(tokens));
    } else if (IsOfTheData(tokens.status())) {
      views[i] = tokens.status();
    } else {
      return tokens.status();
    }
  }
  preparation->tokenize_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return views;
}

// "" when it is the same. A version without a whole template is the store's to complain about.
std::string TemplateChange(const BranchStore& store, const std::string& chat_template) {
  const std::filesystem::path file = TemplateFileOf(store, "current");
  const absl::StatusOr<TemplateSource> trained = TemplateInFile(file);
  if (file.empty() || !trained.ok() || trained->text == chat_template) return "";
  return "current was trained with another chat template than chat_template names now: what is "
         "trained from here on, and prompts to it, are written by the new one; strata rebuild "
         "trains everything by it";
}

}  // namespace

absl::StatusOr<Preparation> Prepare(const Config& config, const BranchStore& store,
                                    const PlanRequest& request, const TokenizeProgress& progress) {
  Preparation preparation;
  ASSIGN_OR_RETURN(const TokenStore tokens, TokenStore::Open(config));
  preparation.chat_template = tokens.chat_template();
  preparation.template_warnings = tokens.template_warnings();
  const std::string change =
      request.rebuild ? "" : TemplateChange(store, preparation.chat_template);
  if (!change.empty()) preparation.template_warnings.push_back(change);
  ASSIGN_OR_RETURN(preparation.lineage,
                   request.rebuild ? store.LineageWithoutExamples() : store.LineageOfCurrent());
  ASSIGN_OR_RETURN(preparation.catalog, ReadCatalog(config));
  ASSIGN_OR_RETURN(
      const TokensOfCatalog views,
      ReadTokens(tokens, NeedsTokens(config, preparation.catalog, preparation.lineage, request),
                 progress, &preparation));
  ASSIGN_OR_RETURN(preparation.plan,
                   MakePlan(config, preparation.catalog, views, preparation.lineage, request));
  return preparation;
}

v1::JoinReply TaskBasics(const Config& config, const Base& base) {
  v1::JoinReply task;
  // A worker ends itself when the core gives it up for lost.
  task.set_lease_ms(static_cast<uint32_t>(RunSpec().lease.count()));
  task.set_heartbeat_ms(kHeartbeatMs);
  task.mutable_base()->set_path(config.model_name_or_path.string());
  task.mutable_base()->set_config_sha256(base.config_sha256.Hex());
  task.mutable_lora()->set_r(config.lora_r);
  task.mutable_lora()->set_alpha(PlainAlpha(config.lora_alpha, config.lora_r, config.use_rslora));
  task.mutable_lora()->set_dropout(config.lora_dropout);
  for (const std::string& name : base.target_modules) task.mutable_lora()->add_target_modules(name);
  task.mutable_lora()->set_elements(static_cast<uint64_t>(base.layout.elements));
  task.set_dtype(base.dtype);
  task.set_micro_batch_size(std::max(1u, config.micro_batch_size));
  return task;
}

std::filesystem::path WorkerProgram() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "strata-worker";
}

int ThreadsPerRank(int ranks) {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / std::max(1, ranks));
}

}  // namespace strata
