// Finds the adapter that a user names, for what evaluates or generates with it. Takes a branch's
// store and a name, gives the flat adapter that a worker fetches.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/config/config.h"
#include "coordinator/run/base.h"
#include "coordinator/store/branch_store.h"

namespace strata {

// `name` is "none" (the base alone), what BranchStore::Find takes ("current", "previous", a version
// ("v0003"), a pin or a backup), or an adapter's folder. A folder that there is goes first when its
// name has a slash in it ("./mine"), else the store does. on_warning, unless empty, is told of
// what is no error in a folder, a sentence each. INVALID_ARGUMENT when there is no such adapter;
// FAILED_PRECONDITION when a version was trained on another base or with other settings, or
// branch.yaml asks for another adapter than the folder's; DATA_LOSS when it is damaged and no
// backup of it is whole; else what ReadAdapterFolder says.
absl::StatusOr<std::vector<float>> AdapterNamed(
    const Config& config, const BranchStore& store, const Base& base, const std::string& name,
    const std::function<void(const std::string&)>& on_warning);

// The chat_template.jinja of that adapter, by which it was trained; "" when it has none.
std::filesystem::path TemplateFileOf(const BranchStore& store, const std::string& name);

}  // namespace strata
