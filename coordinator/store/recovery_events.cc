#include "coordinator/store/recovery_events.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/event_fields.h"

namespace strata {
namespace {

constexpr std::string_view kBody = "the body";

absl::StatusOr<std::set<Version>> VersionsAt(const Json& body, std::string_view key,
                                             const BranchState& state) {
  ASSIGN_OR_RETURN(const Json* numbers, JsonNested(body, key, kBody));
  std::set<Version> versions;
  for (const Json& number : *numbers) {
    ASSIGN_OR_RETURN(const Version version, EventVersion({{"version", number}}, "version"));
    RETURN_IF_ERROR(CheckKnown(state, version));
    versions.insert(version);
  }
  return versions;
}

// current and previous as they are from now on.
struct Names {
  Version current, previous;
};

absl::StatusOr<Names> NamesOf(const Json& body, const BranchState& state) {
  Names names;
  ASSIGN_OR_RETURN(names.current, EventVersion(body, "version"));
  ASSIGN_OR_RETURN(names.previous, EventVersionOrNone(body, "previous"));
  RETURN_IF_ERROR(CheckKnown(state, names.current));
  if (names.previous != Version()) RETURN_IF_ERROR(CheckKnown(state, names.previous));
  if (names.previous != names.current) return names;
  return absl::DataLossError("its current and its previous are one version");
}

void TakeNames(const Names& names, BranchState* state) {
  state->current = names.current;
  state->previous = names.previous;
  for (const Version version : {names.current, names.previous}) {
    if (version == Version()) continue;
    state->versions.at(version).parked = false;
    state->pruning_versions.erase(version);
    state->lost.erase(version);
  }
}

Json Numbers(const std::set<Version>& versions) {
  Json numbers = Json::array();
  for (const Version version : versions) numbers.push_back(version.value());
  return numbers;
}

absl::StatusOr<BackupRecord> BackupOf(const Json& json, const BranchState& state) {
  BackupRecord backup;
  ASSIGN_OR_RETURN(const std::string name, JsonString(json, "name", kBody));
  ASSIGN_OR_RETURN(backup.name, EventBackupName(name));
  ASSIGN_OR_RETURN(backup.version, EventVersion(json, "version"));
  ASSIGN_OR_RETURN(backup.committed, EventVersion(json, "committed"));
  ASSIGN_OR_RETURN(backup.time, JsonString(json, "time", kBody));
  RETURN_IF_ERROR(CheckKnown(state, backup.version));
  RETURN_IF_ERROR(CheckKnown(state, backup.committed));
  const bool is_known =
      state.pruning_backups.contains(backup.name) ||
      std::any_of(state.backups.begin(), state.backups.end(),
                  [&](const BackupRecord& known) { return known.name == backup.name; });
  if (!is_known) return backup;
  return absl::DataLossError(absl::StrCat("it names the backup ", backup.name, " a second time"));
}

}  // namespace

absl::Status ApplyFallBack(const LedgerEvent& event, BranchState* state) {
  ASSIGN_OR_RETURN(const Names names, NamesOf(event.body, *state));
  ASSIGN_OR_RETURN(const std::set<Version> lost, VersionsAt(event.body, "lost", *state));
  ASSIGN_OR_RETURN(const Json* backups, JsonNested(event.body, "backups", kBody));
  if (lost.contains(names.current) || lost.contains(names.previous)) {
    return absl::DataLossError("it gives up what it falls back to");
  }
  if (names.current != state->current && !lost.contains(state->current)) {
    return absl::DataLossError(
        absl::StrCat("it leaves ", VersionName(state->current), ", which it does not give up"));
  }
  for (const Json& json : *backups) {
    ASSIGN_OR_RETURN(const std::string name, EventBackupName(json));
    std::erase_if(state->backups, [&](const BackupRecord& backup) { return backup.name == name; });
  }
  if (names.current != state->current)
    state->fell_back = FallBackRecord{state->current, names.current, event.time};
  for (const Version version : lost) state->versions.at(version).parked = false;
  state->lost.insert(lost.begin(), lost.end());
  TakeNames(names, state);
  return absl::OkStatus();
}

absl::Status ApplyRebuilt(const LedgerEvent& event, BranchState* state) {
  ASSIGN_OR_RETURN(const Names names, NamesOf(event.body, *state));
  ASSIGN_OR_RETURN(const std::set<Version> placed, VersionsAt(event.body, "placed", *state));
  ASSIGN_OR_RETURN(const Json* backups, JsonNested(event.body, "backups", kBody));
  for (const Json& json : *backups) {
    ASSIGN_OR_RETURN(BackupRecord backup, BackupOf(json, *state));
    state->backups.push_back(std::move(backup));
  }
  ASSIGN_OR_RETURN(const Json* held, JsonNested(event.body, "held", kBody));
  for (const Json& json : *held) {
    ASSIGN_OR_RETURN(const Digest content, EventContent(json));
    state->held.insert(content);
  }
  for (const Version version : placed) state->versions.at(version).parked = false;
  TakeNames(names, state);
  return absl::OkStatus();
}

Json FallBackBody(const FallBack& fall_back) {
  Json backups = Json::array();
  for (const std::string& name : fall_back.backups) backups.push_back(name);
  return {{"version", fall_back.current.value()},
          {"previous", fall_back.previous.value()},
          {"lost", Numbers(fall_back.lost)},
          {"backups", std::move(backups)},
          {"why", fall_back.why}};
}

Json RebuiltBody(const Rebuilt& rebuilt) {
  Json backups = Json::array(), held = Json::array();
  for (const BackupRecord& backup : rebuilt.backups) {
    backups.push_back({{"name", backup.name},
                       {"version", backup.version.value()},
                       {"committed", backup.committed.value()},
                       {"time", backup.time}});
  }
  for (const Digest& content : rebuilt.held) held.push_back(content.Hex());
  return {{"version", rebuilt.current.value()},
          {"previous", rebuilt.previous.value()},
          {"placed", Numbers(rebuilt.placed)},
          {"backups", std::move(backups)},
          {"held", std::move(held)},
          {"why", rebuilt.why},
          {"kept_aside", rebuilt.kept_aside}};
}

}  // namespace strata
