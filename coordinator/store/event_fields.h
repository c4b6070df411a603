// Reads the fields of a ledger event's body. Branch_state.h and recovery_events.h fold events by
// them.
//
// The lines are vouched for by their hashes, but not against a forger or our own mistakes: what is
// used as a path or a number is checked here, once.
// Errors: DATA_LOSS with the field and its value.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/ids.h"
#include "common/json.h"
#include "common/sha256.h"
#include "coordinator/store/branch_state.h"

namespace strata {

// 0 … max.
absl::StatusOr<uint64_t> EventCount(const Json& body, std::string_view key, uint64_t max);
absl::StatusOr<Version> EventVersion(const Json& body, std::string_view key);
// 0 is no version.
absl::StatusOr<Version> EventVersionOrNone(const Json& body, std::string_view key);
// The id of a run: it names folders.
absl::StatusOr<std::string> EventRun(const Json& body);
absl::StatusOr<Digest> EventDigest(const Json& body, std::string_view key);
// `json` itself is the name of a backup.
absl::StatusOr<std::string> EventBackupName(const Json& json);
// `json` itself is the hash of a dataset.
absl::StatusOr<Digest> EventContent(const Json& json);
// That `version` was committed.
absl::Status CheckKnown(const BranchState& state, Version version);

}  // namespace strata
