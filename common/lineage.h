// Holds what the adapter that is current has been trained on. The ledger gives it, the plan takes
// it.
//
// Words: the lineage is the way from the untrained beginning to the current adapter, each version
// made from its parent; a rebuild begins a fresh one; a version beside that way (a restore left it,
// or it is parked: committed when current had moved on) adds nothing to it. A pass is one training
// of the same content: 0 the first time. What a restore took out of the lineage is held: not
// trained until it is asked for by name or released.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "common/ids.h"
#include "common/sha256.h"

namespace strata {

// The first 16 bytes of the SHA-256 of an example's normalised content
// (coordinator/catalog/example.h).
struct ExampleDigest {
  uint64_t high = 0, low = 0;
  auto operator<=>(const ExampleDigest&) const = default;
};
struct ExampleDigestHash {
  size_t operator()(const ExampleDigest& digest) const { return digest.low; }
};
using ExampleSet = std::unordered_set<ExampleDigest, ExampleDigestHash>;

// One dataset as it was trained once.
struct TrainedDataset {
  std::string name;   // file name within training/
  Digest sha256;      // of the file as it was then
  uint32_t pass = 0;  // 0 for the first training of this content, then 1, 2, … (`--all`)
  uint64_t examples = 0;
  uint32_t epochs = 0;
  // Token mean over the last epoch, in nats; nullopt = trained elsewhere, not measured here.
  std::optional<double> loss;
  std::string timestamp;  // ISO 8601, UTC
};

struct Lineage {
  Version current;                      // 0 before the first commit
  std::vector<TrainedDataset> trained;  // oldest first, from the untrained beginning to `current`
  // The examples ever trained, by the name of the file they came from.
  std::map<std::string, ExampleSet> examples;
  std::set<Digest> held;  // undone by a restore; not pending until released
  // Of the files that were undone: also held when they have changed since, as long as the lineage
  // does not know the name.
  std::set<std::string> held_names;
  std::set<std::string> excluded;  // file names
};

}  // namespace strata
