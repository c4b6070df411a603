#include "coordinator/store/branch_store.h"

// What a user names and sets apart: pins, held and excluded datasets.
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/copies.h"
#include "coordinator/store/links.h"
#include "coordinator/store/metadata.h"
#include "coordinator/store/rotation.h"
#include "coordinator/store/version_name.h"

namespace strata {

absl::StatusOr<Version> BranchStore::Pin(const std::string& pin, const std::string& name,
                                         Time now) {
  RETURN_IF_ERROR(CheckPinName(pin));
  ASSIGN_OR_RETURN(BranchWriter writer, BranchWriter::Begin(places_, files_));
  const std::string time = Iso8601(now);
  RETURN_IF_ERROR(Mend(&writer, time));
  ASSIGN_OR_RETURN(const NamedVersion target,
                   VersionNamed(writer.adapters(), writer.state(), name));
  RETURN_IF_ERROR(CheckPinIsFree(writer, pin, target.version));
  RETURN_IF_ERROR(EnsureWhole(&writer, target.version, target.backup, time).status());
  if (!writer.state().pins.contains(pin)) {
    RETURN_IF_ERROR(writer.Record("pin", time, PinBody(pin, target.version)));
  }
  const absl::Status linked = Mend(&writer, time);
  Follow(writer);
  RETURN_IF_ERROR(linked);
  return target.version;
}

absl::StatusOr<Version> BranchStore::Unpin(const std::string& pin, Time now) {
  ASSIGN_OR_RETURN(BranchWriter writer, BranchWriter::Begin(places_, files_));
  const std::string time = Iso8601(now);
  RETURN_IF_ERROR(Mend(&writer, time));
  const auto at = writer.state().pins.find(pin);
  if (at == writer.state().pins.end()) {
    const bool by_hand = LinksByHand(places_.adapters, writer.state()).contains(pin);
    return absl::NotFoundError(
        by_hand ? absl::StrCat((places_.adapters / pin).string(),
                               " is a link made by hand, not by strata pin; remove it by hand")
                : absl::StrCat("there is no pin named '", pin, "'; `strata status` lists them"));
  }
  const Version version = at->second;
  RETURN_IF_ERROR(writer.Record("unpin", time, UnpinBody(pin)));
  const absl::Status unlinked = Mend(&writer, time);
  Follow(writer);
  RETURN_IF_ERROR(unlinked);
  return version;
}

std::vector<PinInfo> BranchStore::Pins() const {
  std::map<std::string, PinInfo> pins;
  for (const auto& [name, version] : LinksByHand(places_.adapters, state_)) {
    if (name.front() != '.' && state_.versions.contains(version))
      pins[name] = {name, version, true};
  }
  for (const auto& [name, version] : state_.pins) pins[name] = {name, version, false};
  std::vector<PinInfo> list;
  for (auto& [name, pin] : pins) list.push_back(std::move(pin));
  return list;
}

absl::Status BranchStore::RecordAlone(const std::string& kind, Time now, Json body) {
  ASSIGN_OR_RETURN(BranchWriter writer, BranchWriter::Begin(places_, files_));
  RETURN_IF_ERROR(writer.Record(kind, Iso8601(now), std::move(body)));
  Follow(writer);
  return absl::OkStatus();
}

bool BranchStore::HasCommitted(const RunId& run) const {
  return state_.CommitOfRun(run.value()) != nullptr;
}

std::set<Digest> BranchStore::HeldUnder(const std::string& dataset) const {
  std::set<Digest> held;
  for (const auto& [version, commit] : state_.versions) {
    for (const StageResult& stage : commit.stages) {
      if (stage.dataset == dataset && state_.held.contains(stage.sha256)) held.insert(stage.sha256);
    }
  }
  return held;
}

absl::Status BranchStore::Release(const Digest& dataset_sha256, Time now) {
  return RecordAlone("release", now, {{"sha256", dataset_sha256.Hex()}});
}

absl::Status BranchStore::SetExcluded(const std::string& dataset, bool excluded, Time now) {
  return RecordAlone(excluded ? "exclude" : "include", now, {{"dataset", dataset}});
}

}  // namespace strata
