#include "coordinator/store/branch_store.h"

// What brings a branch back to what its ledger says, and beyond that where it cannot.
#include "common/status_macros.h"
#include "coordinator/store/copies.h"
#include "coordinator/store/giving_up.h"
#include "coordinator/store/ledger_rebuild.h"
#include "coordinator/store/metadata.h"
#include "coordinator/store/mirror.h"
#include "coordinator/store/repair.h"
#include "coordinator/store/rotation.h"

namespace strata {

absl::StatusOr<std::vector<std::string>> BranchStore::Recover() {
  std::vector<std::string> done;
  std::error_code error;
  if (!std::filesystem::exists(places_.adapters, error)) return done;
  const std::string now = Iso8601(std::chrono::system_clock::now());
  ASSIGN_OR_RETURN(BranchWriter writer, BranchWriter::Begin(places_, files_));
  const absl::Status healed = Heal(&writer, now, &done);
  const absl::Status mended = Mend(&writer, now);
  if (mended.ok()) TellOfMirror(&writer, FolderCheck::kSizeAndTime, now, &done);
  Follow(writer);
  RETURN_IF_ERROR(healed);
  RETURN_IF_ERROR(mended);
  return done;
}

absl::StatusOr<std::vector<std::string>> BranchStore::FallBack(Time now) {
  ASSIGN_OR_RETURN(BranchWriter writer, BranchWriter::Begin(places_, files_));
  absl::StatusOr<std::vector<std::string>> said =
      FallBackWhereLost(&writer, GiveUp::kCurrent, Iso8601(now));
  Follow(writer);
  return said;
}

absl::StatusOr<std::vector<std::string>> BranchStore::Repair(Time now) {
  std::vector<std::string> done;
  std::error_code error;
  if (!std::filesystem::exists(places_.adapters, error)) return done;
  const std::string time = Iso8601(now);
  ASSIGN_OR_RETURN(done, RebuildLedger(places_, files_, time));
  ASSIGN_OR_RETURN(BranchWriter writer, BranchWriter::Begin(places_, files_));
  const absl::Status repaired = RepairBranch(&writer, time, &done);
  Follow(writer);
  RETURN_IF_ERROR(repaired);
  return done;
}

}  // namespace strata
