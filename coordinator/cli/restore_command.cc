// restore: makes another version current.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>

#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/store_json.h"
#include "coordinator/run/branch_start.h"

namespace strata {
namespace {

// The contents that are held; none while the ledger cannot be believed.
std::set<Digest> HeldIn(const BranchStore& store) {
  const absl::StatusOr<Lineage> lineage = store.LineageWithoutExamples();
  return lineage.ok() ? lineage->held : std::set<Digest>();
}

void PrintRestored(Version version, int64_t held) {
  std::printf("%s is current", VersionName(version).c_str());
  if (held == 1) std::printf("; a dataset that was trained after it is now held, not pending");
  if (held > 1) {
    std::printf("; %lld datasets that were trained after it are now held, not pending",
                static_cast<long long>(held));
  }
  std::printf("%s\n", held > 0 ? " (strata release)" : "");
}

absl::StatusOr<ExitCode> RunRestore(const BranchOptions& options, const std::string& name) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  ASSIGN_OR_RETURN(BranchStore store, OpenBranchStore(config));
  // A current that cannot be healed is a reason to restore, not to refuse it.
  const absl::StatusOr<std::vector<std::string>> mended = store.Recover();
  if (!mended.ok() && !(absl::IsDataLoss(mended.status()) && store.damage().ok())) {
    return mended.status();
  }
  if (!mended.ok())
    std::fprintf(stderr, "strata: %s\n", std::string(mended.status().message()).c_str());
  for (const std::string& sentence : mended.ok() ? *mended : std::vector<std::string>()) {
    std::fprintf(stderr, "strata: %s\n", sentence.c_str());
  }
  const std::set<Digest> before = HeldIn(store);
  ASSIGN_OR_RETURN(const Version version, store.Restore(name, std::chrono::system_clock::now()));
  const std::set<Digest> after = HeldIn(store);
  const int64_t held = std::count_if(
      after.begin(), after.end(), [&](const Digest& content) { return !before.contains(content); });
  if (options.json) {
    std::printf("%s\n", DumpJson({{"current", VersionName(version)},
                                  {"previous", NameOrNull(store.previous())},
                                  {"newly_held", held}})
                            .c_str());
  } else {
    PrintRestored(version, held);
  }
  return ExitCode::kOk;
}

}  // namespace

void AddRestore(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand("restore", "Make another version current");
  auto options = std::make_shared<BranchOptions>();
  auto name = std::make_shared<std::string>();
  AddBranchOptions(command, options.get());
  command
      ->add_option("NAME", *name,
                   "A version (v0003), previous, a backup's name or a pin (strata backups)")
      ->type_name(kVersionValue)
      ->required();
  command->callback([=] { *action = [=] { return RunRestore(*options, *name); }; });
}

}  // namespace strata
