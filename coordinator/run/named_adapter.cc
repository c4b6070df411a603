#include "coordinator/run/named_adapter.h"

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/plan/initial_adapter.h"
#include "coordinator/run/adapter_folder.h"
#include "coordinator/store/version_folder.h"

namespace strata {
namespace {

using OnWarning = std::function<void(const std::string&)>;

absl::StatusOr<std::vector<float>> InFolder(const Config& config, const Base& base,
                                            const std::string& folder,
                                            const OnWarning& on_warning) {
  ASSIGN_OR_RETURN(AdapterFolder adapter,
                   ReadAdapterFolder(folder, base.model, config.base_model_name));
  RETURN_IF_ERROR(CheckFits(adapter, config, base.target_modules));
  for (const std::string& warning : WarningsOf(adapter, config)) {
    if (on_warning) on_warning(warning);
  }
  return std::move(adapter.values);
}

// Of the two names that a branch may not have yet.
bool IsNotYet(const BranchStore& store, const std::string& name) {
  return (name == "current" && store.current() == Version()) ||
         (name == "previous" && store.previous() == Version());
}

}  // namespace

absl::StatusOr<std::vector<float>> AdapterNamed(const Config& config, const BranchStore& store,
                                                const Base& base, const std::string& name,
                                                const OnWarning& on_warning) {
  // B is zero in a fresh adapter: it is the base.
  if (name == "none") return InitialAdapter(base.layout, config.seed);
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(name, ignored);
  if (is_folder && name.find('/') != std::string::npos)
    return InFolder(config, base, name, on_warning);
  RETURN_IF_ERROR(store.damage());
  if (IsNotYet(store, name)) {
    return absl::InvalidArgumentError(absl::StrCat("this branch has no ", name,
                                                   " adapter yet: strata train, or "
                                                   "--adapter none for the base alone"));
  }
  const absl::StatusOr<StoredVersion> stored = store.Find(name);
  if (stored.ok()) {
    RETURN_IF_ERROR(CheckContinues(config, base, store, *stored));
    return ReadAdapterFile(stored->folder, base.layout, stored->manifest.adapter_digest);
  }
  if (!absl::IsNotFound(stored.status())) return stored.status();
  if (is_folder) return InFolder(config, base, name, on_warning);
  return absl::InvalidArgumentError(absl::StrCat(
      "no adapter '", name,
      "': give current, previous, none, a version (strata history), a pin or a backup (strata "
      "backups), or a folder"));
}

std::filesystem::path TemplateFileOf(const BranchStore& store, const std::string& name) {
  std::error_code ignored;
  const auto in = [&](const std::filesystem::path& folder) {
    std::filesystem::path file = folder / "chat_template.jinja";
    return std::filesystem::exists(file, ignored) ? file : std::filesystem::path();
  };
  if (name == "none") return {};
  const bool is_folder = std::filesystem::is_directory(name, ignored);
  if (is_folder && name.find('/') != std::string::npos) return in(name);
  const absl::StatusOr<StoredVersion> stored = store.Find(name);
  return stored.ok() ? in(stored->folder) : is_folder ? in(name) : std::filesystem::path();
}

}  // namespace strata
