#include "coordinator/run/dataset_change.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "coordinator/catalog/catalog.h"
#include "coordinator/plan/pending.h"
#include "coordinator/run/dataset_names.h"

namespace strata {
namespace {

absl::Status NothingFits(const std::string& wanted, const std::set<std::string>& known) {
  const std::vector<std::string> near = DatasetsNear(wanted, known);
  return absl::InvalidArgumentError(absl::StrCat(
      "no dataset '", wanted, "' in training/",
      near.empty() ? "; it is empty" : absl::StrCat("; the nearest: ", absl::StrJoin(near, ", ")),
      "; nothing was changed"));
}

absl::StatusOr<std::set<std::string>> Chosen(const std::vector<std::string>& names,
                                             const std::set<std::string>& known) {
  std::set<std::string> chosen;
  for (const std::string& name : names) {
    const std::set<std::string> fitting = DatasetsNamed(name, known);
    if (fitting.empty()) return NothingFits(name, known);
    chosen.insert(fitting.begin(), fitting.end());
  }
  return chosen;
}

// What the plan makes of each dataset of the catalog, as far as it needs no tokens.
std::map<std::string, std::string> PlanWords(const Config& config, const Catalog& catalog,
                                             const Lineage& lineage) {
  std::map<std::string, std::string> words;
  std::vector<const Dataset*> trained;
  for (const Dataset& dataset : catalog.datasets) {
    const Pending pending = PendingOf(config, dataset, lineage, {}, trained);
    if (pending.train) trained.push_back(&dataset);
    words[dataset.name] = !pending.train ? pending.reason
                          : pending.only_new
                              ? "pending: the examples that are new in it"
                              : absl::StrCat("pending: ", dataset.examples.size(), " examples");
  }
  return words;
}

class Change {
 public:
  Change(const Config& config, BranchStore* store) : config_(config), store_(store) {}

  absl::Status Open() {
    ASSIGN_OR_RETURN(catalog_, ReadCatalog(config_));
    ASSIGN_OR_RETURN(lineage_, store_->LineageOfCurrent());
    return absl::OkStatus();
  }

  std::set<std::string> Known(DatasetChange change) const {
    std::set<std::string> known;
    for (const Dataset& dataset : catalog_.datasets) known.insert(dataset.name);
    if (change == DatasetChange::kInclude)
      known.insert(lineage_.excluded.begin(), lineage_.excluded.end());
    if (change == DatasetChange::kRelease)
      known.insert(lineage_.held_names.begin(), lineage_.held_names.end());
    return known;
  }

  absl::StatusOr<ChangedDataset> Exclude(const std::string& name) {
    ChangedDataset result{.name = name};
    result.changed = !lineage_.excluded.contains(name);
    if (result.changed) RETURN_IF_ERROR(store_->SetExcluded(name, true, Now()));
    const bool trained = std::any_of(lineage_.trained.begin(), lineage_.trained.end(),
                                     [&](const TrainedDataset& one) { return one.name == name; });
    result.now = absl::StrCat(result.changed ? "excluded" : "excluded already",
                              trained ? "; what it taught stays in the adapter until "
                                        "`strata rebuild` makes one without it"
                                      : "");
    return result;
  }

  absl::StatusOr<ChangedDataset> Include(const std::string& name) {
    ChangedDataset result{.name = name};
    result.changed = lineage_.excluded.contains(name);
    if (result.changed) RETURN_IF_ERROR(store_->SetExcluded(name, false, Now()));
    const DatasetConfig* own = DatasetConfigOf(config_, name);
    result.needs_yaml = own != nullptr && own->exclude;
    result.now = result.needs_yaml ? absl::StrCat(
                                         "excluded by branch.yaml: take `exclude: true` "
                                         "out of its line under datasets: in ",
                                         (config_.branch / "branch.yaml").string())
                 : result.changed ? "included"
                                  : "included already";
    return result;
  }

  // All contents that are held under this name, and the file's own, whatever its name was when it
  // was trained.
  absl::StatusOr<ChangedDataset> Release(const std::string& name) {
    std::set<Digest> held = store_->HeldUnder(name);
    for (const Dataset& dataset : catalog_.datasets) {
      if (dataset.name == name && lineage_.held.contains(dataset.sha256))
        held.insert(dataset.sha256);
    }
    for (const Digest& content : held) RETURN_IF_ERROR(store_->Release(content, Now()));
    return ChangedDataset{.name = name,
                          .changed = !held.empty(),
                          .now = held.empty() ? "was not held" : "released: held no longer"};
  }

  absl::StatusOr<ChangedDataset> Apply(DatasetChange change, const std::string& name) {
    switch (change) {
      case DatasetChange::kExclude:
        return Exclude(name);
      case DatasetChange::kInclude:
        return Include(name);
      case DatasetChange::kRelease:
        break;
    }
    return Release(name);
  }

  absl::Status Foresee(std::vector<ChangedDataset>* changed) {
    ASSIGN_OR_RETURN(const Lineage after, store_->LineageOfCurrent());
    std::map<std::string, std::string> words = PlanWords(config_, catalog_, after);
    for (ChangedDataset& dataset : *changed) {
      const auto at = words.find(dataset.name);
      dataset.plan = at != words.end() ? at->second : "not in training/";
    }
    return absl::OkStatus();
  }

 private:
  static BranchStore::Time Now() { return std::chrono::system_clock::now(); }

  const Config& config_;
  BranchStore* const store_;
  Catalog catalog_;
  Lineage lineage_;  // as it was before
};

}  // namespace

absl::StatusOr<std::vector<ChangedDataset>> ChangeDatasets(const Config& config,
                                                           DatasetChange change,
                                                           const std::vector<std::string>& names,
                                                           BranchStore* store) {
  Change at_work(config, store);
  RETURN_IF_ERROR(at_work.Open());
  ASSIGN_OR_RETURN(const std::set<std::string> chosen, Chosen(names, at_work.Known(change)));
  std::vector<ChangedDataset> changed;
  for (const std::string& name : chosen) {
    ASSIGN_OR_RETURN(ChangedDataset one, at_work.Apply(change, name));
    changed.push_back(std::move(one));
  }
  RETURN_IF_ERROR(at_work.Foresee(&changed));
  return changed;
}

}  // namespace strata
