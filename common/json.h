// Reads and writes JSON documents of our own (ledger lines, manifests, plans, reports,
// config.json). The door to nlohmann-json: its exceptions stay behind these functions. Datasets are
// read by coordinator/catalog.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace strata {

// Keeps the keys in the order they were set, so that files read well and hash equal.
using Json = nlohmann::ordered_json;

// DATA_LOSS with `what` and the fault: no JSON, with the byte at fault and the last key before it;
// deeper than 64; over 16000 keys in one object.
absl::StatusOr<Json> ParseJson(std::string_view text, std::string_view what);

// `indent` < 0 writes one line. Bytes that are not UTF-8 are replaced, never thrown on.
std::string DumpJson(const Json& json, int indent = -1);

// The value at `key`. DATA_LOSS "`what` has no KEY" or "KEY of `what` is not a …" when it is
// missing or of another kind.
absl::StatusOr<std::string> JsonString(const Json& json, std::string_view key,
                                       std::string_view what);
absl::StatusOr<double> JsonNumber(const Json& json, std::string_view key, std::string_view what);
absl::StatusOr<int64_t> JsonInteger(const Json& json, std::string_view key, std::string_view what);
absl::StatusOr<uint32_t> JsonUint32(const Json& json, std::string_view key, std::string_view what);
absl::StatusOr<bool> JsonBool(const Json& json, std::string_view key, std::string_view what);
// An array or an object; the reference lives as long as `json`.
absl::StatusOr<const Json*> JsonNested(const Json& json, std::string_view key,
                                       std::string_view what);

}  // namespace strata
