#include "coordinator/run/named_adapter.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/plan/initial_adapter.h"
#include "coordinator/run/adapter_folder.h"

namespace strata {

absl::StatusOr<std::vector<float>> AdapterNamed(const Config& config, const BranchStore& store,
                                                const Base& base, const std::string& name) {
  // B is zero in a fresh adapter: it is the base.
  if (name == "none") return InitialAdapter(base.layout, config.seed);
  Version version;
  uint32_t number = 0;
  std::error_code ignored;
  if (name == "current") {
    version = store.current();
  } else if (name == "previous") {
    version = store.previous();
  } else if (name.size() > 1 && name[0] == 'v' && absl::SimpleAtoi(name.substr(1), &number)) {
    version = Version(number);
  } else if (std::filesystem::is_directory(name, ignored)) {
    ASSIGN_OR_RETURN(AdapterFolder adapter,
                     ReadAdapterFolder(name, base.model, config.base_model_name));
    RETURN_IF_ERROR(CheckFits(adapter, config));
    return std::move(adapter.values);
  } else {
    return absl::InvalidArgumentError(absl::StrCat("no adapter '", name,
                                                   "': give current, previous, none, a version "
                                                   "(strata history) or a folder"));
  }
  if (version.value() == 0) {
    return absl::InvalidArgumentError(absl::StrCat("this branch has no ", name,
                                                   " adapter yet: strata train, or "
                                                   "--adapter none for the base alone"));
  }
  RETURN_IF_ERROR(CheckContinues(config, base, store, version));
  return store.ReadAdapter(version, base.layout);
}

}  // namespace strata
