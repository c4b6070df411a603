// Puts a branch's adapters in the place of the layout that came before strata's, whose adapters
// were plain folders named current, previous and backup_…. Takes the adapters as candidates, from
// run/adopt.
//
// Model: beside the old folder (`lora_adapters`) a complete new one is built, verified, and
// exchanged with it in one call; the old one then gets the name `lora_adapters.original`. Nothing
// in it is written or removed, ever.
// Durability: a kill at any instant leaves the old folder whole in its place, or the new one; the
// next Adopt begins anew or finishes. Only where the file system cannot exchange two names is there
// an instant between two renames in which neither has the name; both are whole then, and the next
// FinishAdoption puts the new one there.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/posix_file.h"
#include "coordinator/store/candidate.h"

namespace strata {

// Names of adapters by their place in an Adoption, from 0.
using AdoptedNames = std::vector<std::pair<std::string, size_t>>;

struct Adoption {
  size_t adapters = 0;  // oldest first: the last becomes current, the one before it previous
  // Called once for each, in order, so that only one is held at a time.
  std::function<absl::StatusOr<Candidate>(size_t)> candidate;
  AdoptedNames backups;  // oldest first
  AdoptedNames pins;
};

// Where the old folder lies once the new one has its place.
std::filesystem::path OriginalFolder(const std::filesystem::path& adapters);

// Whether `adapters` is a folder of strata's own.
bool IsStrataLayout(const std::filesystem::path& adapters);

// Whether a kill fell between the two renames: neither layout has the name until FinishAdoption.
bool IsBetweenLayouts(const std::filesystem::path& adapters);

// Finishes what a kill left of an exchange; gives whether there was anything to finish.
absl::StatusOr<bool> FinishAdoption(const std::filesystem::path& adapters, FileSystem* files);

// Builds the new folder and puts it in the place of `adapters`, which need not exist. What a commit
// refuses, this refuses, with the old folder in its place. ALREADY_EXISTS when something that is
// not strata's stands where the new folder is built or where the old one is to go. REQUIRES:
// FinishAdoption was called; `adapters` is not of strata's layout.
absl::Status Adopt(const std::filesystem::path& adapters, const Adoption& adoption,
                   FileSystem* files);

}  // namespace strata
