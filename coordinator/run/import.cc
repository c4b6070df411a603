#include "coordinator/run/import.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "coordinator/run/adapter_folder.h"
#include "coordinator/run/base.h"
#include "coordinator/run/branch_start.h"
#include "coordinator/run/dataset_names.h"
#include "coordinator/run/imported_candidate.h"
#include "coordinator/run/run_lock.h"
#include "coordinator/store/branch_store.h"
#include "coordinator/store/writable.h"

namespace strata {
namespace {

absl::StatusOr<std::vector<const Dataset*>> Chosen(const Catalog& catalog,
                                                   const std::vector<std::string>& wanted) {
  std::set<std::string> known, chosen;
  for (const Dataset& dataset : catalog.datasets) known.insert(dataset.name);
  for (const std::string& name : wanted) {
    const std::set<std::string> named = DatasetsNamed(name, known);
    if (named.empty()) {
      const std::string names =
          absl::StrJoin(catalog.datasets, ", ",
                        [](std::string* out, const Dataset& dataset) { *out += dataset.name; });
      return absl::InvalidArgumentError(
          absl::StrCat("--trained ", name, " names no file of training/",
                       names.empty() ? ", which is empty" : absl::StrCat("; it has ", names)));
    }
    chosen.insert(named.begin(), named.end());
  }
  std::vector<const Dataset*> datasets;
  for (const Dataset& dataset : catalog.datasets) {
    if (chosen.contains(dataset.name)) datasets.push_back(&dataset);
  }
  return datasets;
}

// One import from lock to result.
class Importing {
 public:
  Importing(const Config& config, const ImportRequest& request, BranchStore* store)
      : config_(config), request_(request), store_(store) {}
  absl::StatusOr<ImportResult> Run();

 private:
  void Warn(const std::string& sentence) const {
    if (request_.on_warning) request_.on_warning(sentence);
  }
  absl::StatusOr<Candidate> MakeCandidate(const AdapterFolder& adapter);
  absl::StatusOr<bool> IsCurrent(const Candidate& candidate) const;

  const Config& config_;
  const ImportRequest& request_;
  BranchStore* const store_;
  Base base_;
  Catalog catalog_;
  ImportResult result_;
};

absl::StatusOr<Candidate> Importing::MakeCandidate(const AdapterFolder& adapter) {
  std::string warning;
  ASSIGN_OR_RETURN(Candidate candidate, CandidateFrom(config_, base_, adapter, &warning));
  if (!warning.empty()) Warn(warning);
  candidate.parent = store_->current();
  ASSIGN_OR_RETURN(const std::vector<const Dataset*> seen, Chosen(catalog_, request_.trained));
  for (const Dataset* dataset : seen) AddTrainedElsewhere(*dataset, 0, &candidate);
  return candidate;
}

// That current has these values at this scale, and knows of all that is said to be trained.
absl::StatusOr<bool> Importing::IsCurrent(const Candidate& candidate) const {
  const Version current = store_->current();
  if (store_->AdapterDigestOf(current) != candidate.digest) return false;
  if (!CheckContinues(config_, base_, *store_, current).ok()) return false;
  ASSIGN_OR_RETURN(const Lineage lineage, store_->LineageOfCurrent());
  return std::all_of(
      candidate.stages.begin(), candidate.stages.end(), [&](const StageResult& stage) {
        return std::any_of(
            lineage.trained.begin(), lineage.trained.end(),
            [&](const TrainedDataset& trained) { return trained.sha256 == stage.sha256; });
      });
}

absl::StatusOr<ImportResult> Importing::Run() {
  ASSIGN_OR_RETURN(base_, OpenBase(config_));
  ASSIGN_OR_RETURN(const AdapterFolder adapter,
                   ReadAdapterFolder(request_.folder, base_.model, config_.base_model_name));
  RETURN_IF_ERROR(CheckFits(adapter, config_, base_.target_modules));
  RETURN_IF_ERROR(CheckTrained(adapter));
  for (const std::string& warning : WarningsOf(adapter, config_)) Warn(warning);
  ASSIGN_OR_RETURN(catalog_, CatalogOrEmpty(config_));
  ASSIGN_OR_RETURN(const Candidate candidate, MakeCandidate(adapter));
  ASSIGN_OR_RETURN(result_.already_current, IsCurrent(candidate));
  if (result_.already_current) {
    result_.version = store_->current();
  } else {
    RETURN_IF_ERROR(CheckWritable(config_.AdaptersDir(), FileSystem::Real()));
    ASSIGN_OR_RETURN(const CommitOutcome outcome, store_->Commit(candidate));
    if (!outcome.rotation_pending.empty()) Warn(outcome.rotation_pending);
    if (!outcome.mirror_pending.empty()) Warn(outcome.mirror_pending);
    result_.version = outcome.version;
    result_.parked = outcome.parked;
    result_.unfinished = !outcome.rotation_pending.empty();
    result_.backups = outcome.backups;
  }
  result_.trained = candidate.stages;
  result_.imported_from = candidate.origin->imported_from;
  ASSIGN_OR_RETURN(const Lineage lineage, store_->LineageOfCurrent());
  result_.pending = PendingNames(config_, catalog_, lineage);
  result_.held = HeldNames(config_, catalog_, lineage);
  return result_;
}

}  // namespace

absl::StatusOr<ImportResult> Import(const Config& config, const ImportRequest& request) {
  ASSIGN_OR_RETURN(const FileLock lock, HoldForRun(config));
  ASSIGN_OR_RETURN(BranchStore store, OpenBranchStore(config));
  RETURN_IF_ERROR(StartBranch(/*replaces_all=*/true, &store, [&](const std::string& sentence) {
    if (request.on_warning) request.on_warning(sentence);
  }));
  return Importing(config, request, &store).Run();
}

}  // namespace strata
