// Makes a candidate of an adapter that was made elsewhere, for `strata import` and `strata adopt`.
// Takes what adapter_folder.h has read; the caller adds what it knows of its training.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/catalog/catalog.h"
#include "coordinator/run/adapter_folder.h"
#include "coordinator/run/base.h"
#include "coordinator/store/candidate.h"

namespace strata {

// With a fresh lineage, no stages, and as its origin the training_metadata.json beside it; where
// that cannot be read, *warning says so. The chat template is the adapter's own, else the branch's.
absl::StatusOr<Candidate> CandidateFrom(const Config& config, const Base& base,
                                        const AdapterFolder& adapter, std::string* warning);

// Enters `dataset`, as it is now, as one that the adapter has seen elsewhere. `epochs` 0 = not
// known.
void AddTrainedElsewhere(const Dataset& dataset, uint32_t epochs, Candidate* candidate);

// As ReadCatalog; empty when there is no training/.
absl::StatusOr<Catalog> CatalogOrEmpty(const Config& config);

// The datasets that a train would train, in order.
std::vector<std::string> PendingNames(const Config& config, const Catalog& catalog,
                                      const Lineage& lineage);
// Those that it would not, for a restore has undone them.
std::vector<std::string> HeldNames(const Config& config, const Catalog& catalog,
                                   const Lineage& lineage);

}  // namespace strata
