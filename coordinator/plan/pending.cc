#include "coordinator/plan/pending.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/edit_distance.h"
#include "common/keyed_random.h"

namespace strata {
namespace {

bool Names(const std::string& request, const std::string& dataset) {
  return request == dataset || request + ".jsonl" == dataset;
}

bool Requested(const PlanRequest& request, const std::string& dataset) {
  return std::any_of(request.datasets.begin(), request.datasets.end(),
                     [&](const std::string& name) { return Names(name, dataset); });
}

Pending Skip(std::string reason, bool is_error = false) {
  Pending pending;
  pending.reason = std::move(reason);
  pending.is_error = is_error;
  return pending;
}

Pending Train(uint32_t pass, bool only_new = false) {
  Pending pending;
  pending.train = true;
  pending.pass = pass;
  pending.only_new = only_new;
  return pending;
}

}  // namespace

absl::Status CheckRequest(const Catalog& catalog, const PlanRequest& request) {
  for (const std::string& name : request.datasets) {
    const Dataset* nearest = nullptr;
    bool found = false;
    for (const Dataset& dataset : catalog.datasets) {
      found |= Names(name, dataset.name);
      if (nearest == nullptr ||
          EditDistance(name, dataset.name) < EditDistance(name, nearest->name))
        nearest = &dataset;
    }
    if (found) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("no dataset '", name, "' in training/",
                     nearest != nullptr ? absl::StrCat("; did you mean ", nearest->name, "?")
                                        : "; it is empty"));
  }
  return absl::OkStatus();
}

Pending PendingOf(const Config& config, const Dataset& dataset, const Lineage& lineage,
                  const PlanRequest& request, const std::vector<const Dataset*>& earlier) {
  const bool requested = Requested(request, dataset.name);
  if (!request.datasets.empty() && !requested) return Skip("not asked for");
  if (dataset.excluded) return Skip("excluded by branch.yaml");
  if (lineage.excluded.count(dataset.name) != 0) {
    return Skip(absl::StrCat("excluded; take it in again with strata include ", dataset.name));
  }
  if (dataset.examples.empty()) {
    const bool broken = dataset.bad_line_count > 0;
    return Skip(broken ? absl::StrCat("no good line: ", dataset.bad_line_count,
                                      " refused, the first at line ", dataset.bad_lines[0].line,
                                      ": ", dataset.bad_lines[0].reason)
                       : "empty",
                broken);
  }
  for (const Dataset* other : earlier) {
    if (other->sha256 == dataset.sha256) return Skip(absl::StrCat("twin of ", other->name));
  }
  const TrainedDataset* same = nullptr;
  bool known_name = false;
  for (const TrainedDataset& trained : lineage.trained) {
    if (trained.sha256 == dataset.sha256) same = &trained;
    known_name |= trained.name == dataset.name;
  }
  if (same != nullptr && request.all) return Train(same->pass + 1);
  if (same != nullptr) {
    return Skip(same->name == dataset.name ? "trained"
                                           : absl::StrCat("twin of ", same->name, ", trained"));
  }
  const bool held = lineage.held.count(dataset.sha256) != 0 ||
                    (!known_name && lineage.held_names.count(dataset.name) != 0);
  if (held && !requested) {
    Pending skipped = Skip(absl::StrCat("held: undone by a restore; train it with --dataset ",
                                        dataset.name, ", or strata release it"));
    skipped.held = true;
    return skipped;
  }
  return Train(
      0, known_name && !request.all && config.changed_datasets == ChangedDatasets::kNewExamples);
}

ExampleSet TrainedPrompts(const Catalog& catalog, const Lineage& lineage) {
  ExampleSet contents, prompts;
  for (const auto& [name, examples] : lineage.examples)
    contents.insert(examples.begin(), examples.end());
  for (const Dataset& dataset : catalog.datasets) {
    for (const ExampleEntry& entry : dataset.examples) {
      if (contents.count(entry.content) != 0) prompts.insert(entry.prompt);
    }
  }
  return prompts;
}

bool IsHeldOut(const Config& config, const ExampleDigest& prompt) {
  const uint64_t drawn = MixKey(MixKey(config.seed, prompt.high), prompt.low);
  return static_cast<double>(drawn >> 11) * 0x1p-53 < config.val_set_size;
}

void SelectExamples(const Config& config, const Lineage& lineage, const PendingDataset& from,
                    StagePlan* stage) {
  static const ExampleSet kNone;
  const Dataset& dataset = from.dataset;
  const auto own = lineage.examples.find(dataset.name);
  const ExampleSet& trained_here = own != lineage.examples.end() ? own->second : kNone;
  ExampleSet seen;
  for (uint32_t i = 0; i < dataset.examples.size(); ++i) {
    const ExampleEntry& entry = dataset.examples[i];
    const TokenCount& count = from.tokens.counts()[i];
    const bool known_here = trained_here.count(entry.content) != 0;
    const bool known_elsewhere =
        std::any_of(lineage.examples.begin(), lineage.examples.end(), [&](const auto& known) {
          return known.first != dataset.name && known.second.count(entry.content) != 0;
        });
    if (from.pending.only_new && known_here) {
      ++stage->already_trained;
    } else if (config.val_set_size > 0 && from.trained_prompts.count(entry.prompt) == 0 &&
               IsHeldOut(config, entry.prompt)) {
      ++stage->held_out;
      if (count.refusal != Refusal::kNone) continue;
      stage->held_out_examples.push_back(i);
      stage->held_out_tokens.push_back(count.tokens);
    } else if (count.refusal == Refusal::kTooLong) {
      ++stage->refused_too_long;
    } else if (count.refusal == Refusal::kNothingSupervised) {
      ++stage->refused_unsupervised;
    } else {
      stage->duplicates_within += !seen.insert(entry.content).second;
      stage->known_elsewhere += known_elsewhere;
      stage->truncated += count.truncated;
      stage->examples.push_back(i);
      stage->example_tokens.push_back(count.tokens);
      stage->tokens += count.tokens;
      stage->supervised_tokens += count.supervised;
    }
  }
  stage->bad_lines = dataset.bad_line_count;
}

}  // namespace strata
