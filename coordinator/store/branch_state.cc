#include "coordinator/store/branch_state.h"

#include <algorithm>
#include <regex>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/event_fields.h"
#include "coordinator/store/recovery_events.h"

namespace strata {
namespace {

constexpr std::string_view kBody = "the body";
constexpr size_t kPinBytesMax = 128;

Json StageJson(const StageResult& stage) {
  return {{"dataset", stage.dataset},
          {"tier", stage.tier},
          {"sha256", stage.sha256.Hex()},
          {"pass", stage.pass},
          {"examples", stage.examples},
          {"epochs", stage.epochs},
          {"loss", stage.loss ? Json(*stage.loss) : Json()}};
}

// null = trained elsewhere.
absl::StatusOr<std::optional<double>> LossOf(const Json& json) {
  const auto at = json.find("loss");
  if (at != json.end() && at->is_null()) return std::nullopt;
  return JsonNumber(json, "loss", kBody);
}

absl::StatusOr<StageResult> StageOf(const Json& json) {
  StageResult stage;
  ASSIGN_OR_RETURN(stage.dataset, JsonString(json, "dataset", kBody));
  ASSIGN_OR_RETURN(stage.tier, JsonString(json, "tier", kBody));
  ASSIGN_OR_RETURN(stage.sha256, EventDigest(json, "sha256"));
  ASSIGN_OR_RETURN(const uint64_t pass, EventCount(json, "pass", UINT32_MAX));
  ASSIGN_OR_RETURN(stage.examples, EventCount(json, "examples", INT64_MAX));
  ASSIGN_OR_RETURN(const uint64_t epochs, EventCount(json, "epochs", UINT32_MAX));
  ASSIGN_OR_RETURN(stage.loss, LossOf(json));
  stage.pass = static_cast<uint32_t>(pass);
  stage.epochs = static_cast<uint32_t>(epochs);
  return stage;
}

absl::StatusOr<CommittedVersion> CommitOf(const LedgerEvent& event) {
  CommittedVersion commit;
  commit.time = event.time;
  ASSIGN_OR_RETURN(commit.version, EventVersion(event.body, "version"));
  ASSIGN_OR_RETURN(commit.parent, EventVersionOrNone(event.body, "parent"));
  ASSIGN_OR_RETURN(commit.run, EventRun(event.body));
  ASSIGN_OR_RETURN(commit.parked, JsonBool(event.body, "parked", kBody));
  if (event.body.contains("imported")) {
    ASSIGN_OR_RETURN(commit.imported, JsonBool(event.body, "imported", kBody));
  }
  ASSIGN_OR_RETURN(commit.manifest_sha256, EventDigest(event.body, "manifest_sha256"));
  ASSIGN_OR_RETURN(commit.adapter_digest, EventDigest(event.body, "adapter_digest"));
  ASSIGN_OR_RETURN(commit.base_fingerprint, EventDigest(event.body, "base_fingerprint"));
  ASSIGN_OR_RETURN(const Json* stages, JsonNested(event.body, "stages", kBody));
  for (const Json& json : *stages) {
    ASSIGN_OR_RETURN(StageResult stage, StageOf(json));
    commit.stages.push_back(std::move(stage));
  }
  return commit;
}

absl::Status ApplyCommit(const LedgerEvent& event, BranchState* state) {
  ASSIGN_OR_RETURN(CommittedVersion commit, CommitOf(event));
  if (state->versions.contains(commit.version)) {
    return absl::DataLossError(
        absl::StrCat("it commits ", VersionName(commit.version), " a second time"));
  }
  if (commit.parent != Version()) RETURN_IF_ERROR(CheckKnown(*state, commit.parent));
  state->versions[commit.version] = commit;
  ASSIGN_OR_RETURN(const Json* backups, JsonNested(event.body, "backups", kBody));
  for (const Json& json : *backups) {
    ASSIGN_OR_RETURN(const std::string named, JsonString(json, "name", kBody));
    ASSIGN_OR_RETURN(const std::string name, EventBackupName(named));
    ASSIGN_OR_RETURN(const Version version, EventVersion(json, "version"));
    RETURN_IF_ERROR(CheckKnown(*state, version));
    state->backups.push_back({name, version, commit.version, event.time});
    state->commits_owing_backups.insert(commit.version);
  }
  if (!commit.parked) {
    state->previous = state->current;
    state->current = commit.version;
    state->fell_back.reset();
    for (const StageResult& stage : commit.stages) state->held.erase(stage.sha256);
  }
  state->begun.erase(commit.version);
  return absl::OkStatus();
}

absl::Status ApplyRestore(const LedgerEvent& event, BranchState* state) {
  ASSIGN_OR_RETURN(const Version version, EventVersion(event.body, "version"));
  ASSIGN_OR_RETURN(const Json* held, JsonNested(event.body, "held", kBody));
  RETURN_IF_ERROR(CheckKnown(*state, version));
  for (const Json& json : *held) {
    ASSIGN_OR_RETURN(const Digest digest, EventContent(json));
    state->held.insert(digest);
  }
  for (const CommittedVersion* ancestor : state->Ancestry(version)) {
    for (const StageResult& stage : ancestor->stages) state->held.erase(stage.sha256);
  }
  if (version != state->current) state->previous = state->current;
  state->current = version;
  state->versions.at(version).parked = false;
  state->pruning_versions.erase(version);
  state->lost.erase(version);
  state->fell_back.reset();
  return absl::OkStatus();
}

absl::Status ApplyPin(const LedgerEvent& event, BranchState* state) {
  ASSIGN_OR_RETURN(const std::string pin, JsonString(event.body, "pin", kBody));
  if (const absl::Status usable = CheckPinName(pin); !usable.ok()) {
    return absl::DataLossError(usable.message());
  }
  if (event.kind == "pin") {
    ASSIGN_OR_RETURN(const Version version, EventVersion(event.body, "version"));
    RETURN_IF_ERROR(CheckKnown(*state, version));
    state->pins[pin] = version;
    state->unpinning.erase(pin);
    state->pruning_versions.erase(version);
    return absl::OkStatus();
  }
  if (event.kind == "unpinned") {
    state->unpinning.erase(pin);
    return absl::OkStatus();
  }
  const auto at = state->pins.find(pin);
  if (at == state->pins.end()) {
    return absl::DataLossError(absl::StrCat("it unpins ", pin, ", which is not pinned"));
  }
  state->unpinning[pin] = at->second;
  state->pins.erase(at);
  return absl::OkStatus();
}

bool IsNeeded(const BranchState& state, Version version) {
  return version == state.current || version == state.previous ||
         std::any_of(state.pins.begin(), state.pins.end(),
                     [&](const auto& pin) { return pin.second == version; });
}

absl::Status ApplyPrune(const LedgerEvent& event, BranchState* state) {
  const bool done = event.kind == "pruned";
  ASSIGN_OR_RETURN(const Json* backups, JsonNested(event.body, "backups", kBody));
  for (const Json& json : *backups) {
    ASSIGN_OR_RETURN(const std::string name, EventBackupName(json));
    std::erase_if(state->backups, [&](const BackupRecord& backup) { return backup.name == name; });
    if (done) state->pruning_backups.erase(name);
    if (!done) state->pruning_backups.insert(name);
  }
  ASSIGN_OR_RETURN(const Json* versions, JsonNested(event.body, "versions", kBody));
  for (const Json& json : *versions) {
    ASSIGN_OR_RETURN(const Version version, EventVersion({{"version", json}}, "version"));
    RETURN_IF_ERROR(CheckKnown(*state, version));
    if (!done && IsNeeded(*state, version)) {
      return absl::DataLossError(absl::StrCat("it prunes ", VersionName(version),
                                              ", which is current or previous or pinned"));
    }
    if (done) state->pruning_versions.erase(version);
    if (!done) state->pruning_versions.insert(version);
  }
  return absl::OkStatus();
}

absl::Status Apply(const LedgerEvent& event, BranchState* state) {
  if (event.kind == "begin") {
    ASSIGN_OR_RETURN(const Version version, EventVersion(event.body, "version"));
    ASSIGN_OR_RETURN(state->begun[version], EventRun(event.body));
    return absl::OkStatus();
  }
  if (event.kind == "commit") return ApplyCommit(event, state);
  if (event.kind == "restore") return ApplyRestore(event, state);
  if (event.kind == "fallback") return ApplyFallBack(event, state);
  if (event.kind == "rebuilt") return ApplyRebuilt(event, state);
  if (event.kind == "prune" || event.kind == "pruned") return ApplyPrune(event, state);
  if (event.kind == "pin" || event.kind == "unpin" || event.kind == "unpinned") {
    return ApplyPin(event, state);
  }
  if (event.kind == "backups") {
    ASSIGN_OR_RETURN(const Version committed, EventVersion(event.body, "version"));
    RETURN_IF_ERROR(CheckKnown(*state, committed));
    state->commits_owing_backups.erase(committed);
    return absl::OkStatus();
  }
  if (event.kind == "release") {
    ASSIGN_OR_RETURN(const Digest digest, EventDigest(event.body, "sha256"));
    state->held.erase(digest);
    return absl::OkStatus();
  }
  if (event.kind == "exclude" || event.kind == "include") {
    ASSIGN_OR_RETURN(const std::string name, JsonString(event.body, "dataset", kBody));
    if (event.kind == "exclude") state->excluded.insert(name);
    if (event.kind == "include") state->excluded.erase(name);
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat("the kind ", event.kind, " is not known"));
}

}  // namespace

std::vector<const CommittedVersion*> BranchState::Ancestry(Version version) const {
  std::vector<const CommittedVersion*> ancestry;
  for (auto at = versions.find(version); at != versions.end();
       at = versions.find(at->second.parent)) {
    ancestry.push_back(&at->second);
    if (at->second.parent >= at->first) break;
  }
  std::reverse(ancestry.begin(), ancestry.end());
  return ancestry;
}

const CommittedVersion* BranchState::CommitOfRun(const std::string& run) const {
  for (const auto& [version, commit] : versions) {
    if (commit.run == run) return &commit;
  }
  return nullptr;
}

std::set<Digest> BranchState::Undone(Version from, Version to) const {
  const std::vector<const CommittedVersion*> left = Ancestry(from), taken = Ancestry(to);
  const bool one_lineage = !left.empty() && !taken.empty() && left.front() == taken.front();
  std::set<Digest> undone;
  for (const CommittedVersion* commit : left) {
    if (!one_lineage && commit->version < to) continue;
    for (const StageResult& stage : commit->stages) undone.insert(stage.sha256);
  }
  for (const CommittedVersion* commit : taken) {
    for (const StageResult& stage : commit->stages) undone.erase(stage.sha256);
  }
  return undone;
}

Lineage LineageOf(const BranchState& state) {
  Lineage lineage;
  lineage.current = state.current;
  lineage.held = state.held;
  lineage.excluded = state.excluded;
  for (const auto& [version, commit] : state.versions) {
    for (const StageResult& stage : commit.stages) {
      if (state.held.contains(stage.sha256)) lineage.held_names.insert(stage.dataset);
    }
  }
  for (const CommittedVersion* commit : state.Ancestry(state.current)) {
    for (const StageResult& stage : commit->stages) {
      lineage.trained.push_back({stage.dataset, stage.sha256, stage.pass, stage.examples,
                                 stage.epochs, stage.loss, commit->time});
    }
  }
  return lineage;
}

bool IsBackupName(const std::string& name) {
  static const std::regex* const kPattern =
      new std::regex("backup_(current|previous)_[0-9]{8}_[0-9]{6}(_[0-9]{1,9})?");
  return name.size() < 64 && std::regex_match(name, *kPattern);
}

absl::Status CheckPinName(const std::string& pin) {
  static const std::regex* const kOwn =
      new std::regex("current|previous|backups|versions|ledger\\.jsonl|backup_.*|v[0-9]+");
  const auto is_odd = [](unsigned char c) { return c < 0x20 || c == 0x7F || c == '/'; };
  const char* why = nullptr;
  if (pin.empty() || pin.size() > kPinBytesMax) {
    why = "it must have 1 to 128 bytes";
  } else if (pin.front() == '.' || pin.front() == '-') {
    why = "it must not begin with a dot or a dash";
  } else if (std::any_of(pin.begin(), pin.end(), is_odd)) {
    why = "it must have no slash and no control character";
  } else if (ParseJson(DumpJson(pin), "the name").value_or(Json()) != pin) {
    why = "it must be UTF-8";
  } else if (std::regex_match(pin, *kOwn)) {
    why = "strata itself calls something so";
  }
  if (why == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("'", pin, "' cannot be the name of a pin: ", why));
}

absl::StatusOr<BranchState> Fold(const std::vector<LedgerEvent>& events) {
  BranchState state;
  for (const LedgerEvent& event : events) {
    if (const absl::Status applied = Apply(event, &state); !applied.ok()) {
      return absl::DataLossError(absl::StrCat("the ledger cannot be understood at line ", event.seq,
                                              ": ", applied.message()));
    }
  }
  return state;
}

Json CommitBody(const CommittedVersion& commit, const std::vector<BackupRecord>& backups) {
  Json stages = Json::array(), copies = Json::array();
  for (const StageResult& stage : commit.stages) stages.push_back(StageJson(stage));
  for (const BackupRecord& backup : backups) {
    copies.push_back({{"name", backup.name}, {"version", backup.version.value()}});
  }
  Json body = {{"version", commit.version.value()},
               {"parent", commit.parent.value()},
               {"run", commit.run},
               {"parked", commit.parked},
               {"manifest_sha256", commit.manifest_sha256.Hex()},
               {"adapter_digest", commit.adapter_digest.Hex()},
               {"base_fingerprint", commit.base_fingerprint.Hex()},
               {"stages", std::move(stages)},
               {"backups", std::move(copies)}};
  if (commit.imported) body["imported"] = true;
  return body;
}

Json BeginBody(Version version, const std::string& run) {
  return {{"version", version.value()}, {"run", run}};
}

Json BackupsMadeBody(Version committed) { return {{"version", committed.value()}}; }

Json RestoreBody(Version version, const std::string& name, const std::set<Digest>& held) {
  Json hashes = Json::array();
  for (const Digest& digest : held) hashes.push_back(digest.Hex());
  return {{"version", version.value()}, {"name", name}, {"held", std::move(hashes)}};
}

Json PinBody(const std::string& pin, Version version) {
  return {{"pin", pin}, {"version", version.value()}};
}

Json UnpinBody(const std::string& pin) { return {{"pin", pin}}; }

Json PruneBody(const std::set<std::string>& backups, const std::set<Version>& versions) {
  Json names = Json::array(), numbers = Json::array();
  for (const std::string& name : backups) names.push_back(name);
  for (const Version version : versions) numbers.push_back(version.value());
  return {{"backups", std::move(names)}, {"versions", std::move(numbers)}};
}

}  // namespace strata
