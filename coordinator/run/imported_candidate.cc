#include "coordinator/run/imported_candidate.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/plan/pending.h"
#include "coordinator/plan/plan.h"
#include "coordinator/run/run_lock.h"
#include "coordinator/tokens/token_store.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kDocumentBytesMax = uint64_t{256} << 20;
constexpr char kMetadata[] = "training_metadata.json";

// What the branch will be told about where its version comes from.
Json SourceOf(const AdapterFolder& adapter) {
  const PeftConfig& peft = adapter.peft;
  return {{"folder", adapter.folder.string()},
          {"adapter_model_sha256", adapter.file_sha256.Hex()},
          {"dtype", adapter.dtype},
          {"base_model_name_or_path", peft.base_model_name},
          {"r", peft.r},
          {"lora_alpha", peft.lora_alpha},
          {"use_rslora", peft.use_rslora},
          {"lora_dropout", peft.lora_dropout},
          {"target_modules", adapter.target_modules}};
}

// null when there is none, or none that can be read: *warning says so then.
Json OwnMetadata(const fs::path& folder, std::string* warning) {
  const absl::StatusOr<std::string> text = ReadFile(folder / kMetadata, kDocumentBytesMax);
  if (absl::IsNotFound(text.status())) return nullptr;
  absl::StatusOr<Json> json = text.ok() ? ParseJson(*text, (folder / kMetadata).string())
                                        : absl::StatusOr<Json>(text.status());
  if (json.ok() && json->is_object()) json->erase("imported_from");
  if (json.ok() && JsonNested(*json, "training_history", kMetadata).ok()) return *std::move(json);
  *warning = absl::StrCat("the history of the adapter is not carried over: ",
                          json.ok() ? absl::StrCat((folder / kMetadata).string(), " has none")
                                    : std::string(json.status().message()));
  return nullptr;
}

}  // namespace

absl::StatusOr<Candidate> CandidateFrom(const Config& config, const Base& base,
                                        const AdapterFolder& adapter, std::string* warning) {
  Candidate candidate;
  candidate.fresh_lineage = true;
  candidate.now = std::chrono::system_clock::now();
  candidate.run = NewRunId(candidate.now);
  candidate.layout = adapter.layout;
  candidate.adapter = adapter.values;
  candidate.digest = Sha256Of({reinterpret_cast<const char*>(adapter.values.data()),
                               adapter.values.size() * sizeof(float)});
  candidate.lora_r = adapter.peft.r;
  // CheckFits allows a rounded alpha; CheckContinues compares the committed one to the last bit.
  candidate.lora_alpha = config.lora_alpha;
  candidate.use_rslora = config.use_rslora;
  candidate.lora_dropout = adapter.peft.lora_dropout;
  candidate.target_modules = adapter.target_modules;
  candidate.adapter_name = config.name;
  candidate.base_model_name = config.base_model_name;
  candidate.base_fingerprint = base.fingerprint;
  candidate.chat_template =
      ReadFile(adapter.folder / "chat_template.jinja", kDocumentBytesMax).value_or("");
  if (candidate.chat_template.empty()) {
    ASSIGN_OR_RETURN(const TokenStore tokens, TokenStore::Open(config));
    candidate.chat_template = tokens.chat_template();
  }
  candidate.keep_backups = config.keep_backups;
  candidate.origin = Origin{SourceOf(adapter), OwnMetadata(adapter.folder, warning)};
  return candidate;
}

void AddTrainedElsewhere(const Dataset& dataset, uint32_t epochs, Candidate* candidate) {
  StageResult stage;
  stage.dataset = dataset.name;
  stage.tier = dataset.tier;
  stage.sha256 = dataset.sha256;
  stage.examples = dataset.examples.size();
  stage.epochs = epochs;
  stage.left_out.bad_lines = dataset.bad_line_count;
  candidate->stages.push_back(std::move(stage));
  std::vector<ExampleDigest>& digests = candidate->examples[dataset.name];
  for (const ExampleEntry& example : dataset.examples) digests.push_back(example.content);
}

absl::StatusOr<Catalog> CatalogOrEmpty(const Config& config) {
  absl::StatusOr<Catalog> catalog = ReadCatalog(config);
  if (absl::IsNotFound(catalog.status())) return Catalog{};
  return catalog;
}

std::vector<std::string> PendingNames(const Config& config, const Catalog& catalog,
                                      const Lineage& lineage) {
  const std::vector<bool> pending = NeedsTokens(config, catalog, lineage, PlanRequest());
  std::vector<std::string> names;
  for (size_t i = 0; i < pending.size(); ++i) {
    if (pending[i]) names.push_back(catalog.datasets[i].name);
  }
  return names;
}

std::vector<std::string> HeldNames(const Config& config, const Catalog& catalog,
                                   const Lineage& lineage) {
  std::vector<std::string> names;
  for (const Dataset& dataset : catalog.datasets) {
    if (PendingOf(config, dataset, lineage, PlanRequest(), {}).held) names.push_back(dataset.name);
  }
  return names;
}

}  // namespace strata
