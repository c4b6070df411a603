#include "coordinator/run/rebuild.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace strata {

absl::Status CheckRebuildIsWhole(const Plan& plan, const std::vector<StageResult>& stages) {
  std::vector<std::string> in_error;
  for (const StageResult& stage : stages) {
    if (!stage.trained()) in_error.push_back(stage.dataset);
  }
  for (const SkippedDataset& skipped : plan.skipped) {
    if (skipped.is_error) in_error.push_back(skipped.dataset);
  }
  if (!plan.rebuild || in_error.empty()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("a rebuild that lacks datasets in error does not replace current: ",
                   absl::StrJoin(in_error, ", "),
                   "; mend or `strata exclude` them, then rebuild again; what serves now stays"));
}

std::vector<std::string> ForgottenByRebuild(const Catalog& catalog, const Lineage& lineage) {
  std::vector<std::string> forgotten;
  for (const TrainedDataset& trained : lineage.trained) {
    const bool is_here =
        std::any_of(catalog.datasets.begin(), catalog.datasets.end(), [&](const Dataset& dataset) {
          return dataset.name == trained.name || dataset.sha256 == trained.sha256;
        });
    const bool told =
        std::find(forgotten.begin(), forgotten.end(), trained.name) != forgotten.end();
    if (is_here || told || lineage.excluded.contains(trained.name)) continue;
    forgotten.push_back(trained.name);
  }
  return forgotten;
}

std::string ForgottenText(const std::vector<std::string>& names) {
  if (names.empty()) return "";
  return absl::StrCat("the adapter made anew will not know what current was trained on and ",
                      "training/ has no longer: ", absl::StrJoin(names, ", "));
}

}  // namespace strata
