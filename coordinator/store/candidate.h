// Carries a trained adapter from a run to the store, and the store's answer back. The run fills a
// Candidate, BranchStore::Commit takes it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/adapter_layout.h"
#include "common/ids.h"
#include "common/json.h"
#include "common/lineage.h"
#include "common/sha256.h"

namespace strata {

// Lines and examples of a dataset that were not trained, by why.
struct LeftOut {
  uint64_t bad_lines = 0, too_long = 0, unsupervised = 0, held_out = 0;
  uint64_t already_trained = 0;  // before the file changed
  uint64_t not_reached = 0;      // max_steps ended the stage before them
  uint64_t truncated = 0;        // trained, but cut to max_length
  uint64_t skipped = 0;          // only in steps that were not finite and were not applied
};

// The loss over a stage's held-out rows.
struct HeldOutLoss {
  uint32_t after_steps = 0;  // of the stage
  double loss = 0;           // token mean, in nats
};

// What became of one dataset of a run; or of one that the adapter has seen elsewhere, as its owner
// says.
struct StageResult {
  std::string dataset, tier;
  Digest sha256;
  uint32_t pass = 0;
  uint64_t examples = 0;  // trained
  uint32_t epochs = 0;    // completed; 0 = not known, of one trained elsewhere
  // Token mean over the last epoch, in nats; nullopt = trained elsewhere, not measured here.
  std::optional<double> loss;
  std::string error = {};  // "" = trained
  LeftOut left_out = {};
  std::vector<HeldOutLoss> evaluations = {};  // in order
  std::optional<double> eval_loss = {};       // of the adapter that the stage leaves
  std::string ended_early = {};               // why not all of its steps are in it; ""
  bool trained() const { return error.empty(); }
};

// Where an adapter comes from that was not trained here.
struct Origin {
  Json imported_from;  // for the metadata: the folder, its hash, the settings it had there
  Json metadata;       // its own training_metadata.json; null = none
};

// A backup of the layout that an adoption replaces.
struct AdoptedBackup {
  std::string name;  // "backup_current_20251031_104042"
  Version version;   // what it is a copy of; 0 = the candidate itself
};

struct Candidate {
  Version parent;  // what was current when the run began
  // Begun from the base alone: the version has no parent, and its lineage begins with it.
  bool fresh_lineage = false;
  RunId run;
  AdapterLayout layout;
  std::vector<float> adapter;  // flat, as `layout` says
  Digest digest;               // SHA-256 of its bytes, as all ranks agreed on it
  uint32_t lora_r = 0;
  double lora_alpha = 0, lora_dropout = 0;
  bool use_rslora = false;  // lora_alpha is rsLoRA's
  std::vector<std::string> target_modules;
  std::string adapter_name;
  std::string base_model_name;  // the public one, not a private path
  Digest base_fingerprint;
  std::string chat_template;                                   // chat_template.jinja; not empty
  std::optional<Origin> origin;                                // set: made elsewhere, imported
  std::vector<StageResult> stages;                             // trained ones enter the lineage
  std::map<std::string, std::vector<ExampleDigest>> examples;  // of this run, by dataset
  // branch.yaml's keys with the values that this run had.
  std::vector<std::pair<std::string, std::string>> settings;
  double training_seconds = 0;
  uint32_t keep_backups = 5;  // commits whose backups stay
  // Set in an adoption: these backups, oldest first, are made in place of those of a commit, and
  // nothing is pruned.
  std::optional<std::vector<AdoptedBackup>> adopted_backups;
  std::chrono::system_clock::time_point now;
};

// The version that the candidate continues; 0 when its lineage begins with it.
inline Version ParentOf(const Candidate& candidate) {
  return candidate.fresh_lineage ? Version() : candidate.parent;
}

struct CommitOutcome {
  Version version;
  bool parked = false;               // committed, but current had moved on and stays
  std::vector<std::string> backups;  // names made by this commit
  Json metadata;                     // training_metadata.json of the version; null = not readable
  // What followed the commit and is left for the next start, with the reason; "" = all is done.
  std::string rotation_pending;
  // The same of the backup mirror, which is never a reason to fail; "" = it has the version.
  std::string mirror_pending;
};

}  // namespace strata
