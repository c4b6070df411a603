// Writes a candidate as a self-contained folder, reads it back and proves it fit to serve. Takes a
// Candidate; BranchStore gives the folder its number and its place.
//
// Model: adapter_config.json, adapter_model.safetensors, training_metadata.json,
// chat_template.jinja, trained_examples.bin, and last manifest.json with the size and hash of each.
// The hash of the manifest stands in the ledger, so the ledger vouches for every byte. A backup is
// a copy of such a folder.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/posix_file.h"
#include "coordinator/store/candidate.h"
#include "coordinator/store/trained_examples.h"

namespace strata {

struct FileRecord {
  uint64_t bytes = 0;
  Digest sha256;
};

struct Manifest {
  Version version, parent;
  std::string run;
  Digest base_fingerprint, adapter_digest;
  std::map<std::string, FileRecord> files;  // by name; all but manifest.json itself
};

// DATA_LOSS when malformed or of another format. *sha256, unless null, becomes the file's hash.
absl::StatusOr<Manifest> ReadManifest(const std::filesystem::path& folder, Digest* sha256);

// What a version takes over from its parent; empty for the first.
struct Inheritance {
  Json metadata;
  ExamplesByDataset examples;
};

// Refuses, before anything is written, a candidate whose parts do not fit together:
// INVALID_ARGUMENT for its names and sizes or a missing template, DATA_LOSS for NaN, infinity, an
// untrained adapter (all of B zero), a digest that its values do not have, or what PEFT would not
// load.
absl::Status CheckCandidate(const Candidate& candidate);

// DATA_LOSS for a value that is not finite, or when all of B is zero.
absl::Status CheckValues(const AdapterLayout& layout, const std::vector<float>& adapter);

// Creates `folder` and gives the hash of its manifest. Each file is fsynced, and so is the folder.
// The metadata gets the verdict of portability.h; DATA_LOSS when PEFT would not load what was
// written.
absl::StatusOr<Digest> WriteVersionFolder(const std::filesystem::path& folder,
                                          const Candidate& candidate, Version version,
                                          const Inheritance& inheritance, FileSystem* files);

// Reads `folder` back and judges it by what is on disk alone: hashes, tensor names, shapes, finite
// values, the digest. DATA_LOSS with the first that is wrong.
absl::Status GateVersionFolder(const std::filesystem::path& folder, const Digest& manifest_sha256,
                               const Candidate& candidate);

// kSizeAndTime: sizes, and the hash of only those files that are later than the manifest (a plain
// `cp -r` makes them so without harm).
enum class FolderCheck { kSizeAndTime, kHash };
// What differs from the manifest that the ledger vouches for; empty = nothing.
std::vector<std::string> CheckFolder(const std::filesystem::path& folder,
                                     const Digest& manifest_sha256, FolderCheck depth);

// The flat adapter. DATA_LOSS unless it has the digest `expected`, FAILED_PRECONDITION when its
// tensors are not those of `layout`.
absl::StatusOr<std::vector<float>> ReadAdapterFile(const std::filesystem::path& folder,
                                                   const AdapterLayout& layout,
                                                   const Digest& expected);

// DATA_LOSS unless the file is the one that the manifest vouches for.
absl::StatusOr<Json> ReadMetadataFile(const std::filesystem::path& folder,
                                      const Digest& manifest_sha256);
absl::StatusOr<ExamplesByDataset> ReadExamplesFile(const std::filesystem::path& folder,
                                                   const Digest& manifest_sha256);

}  // namespace strata
