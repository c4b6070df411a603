// pin, unpin: names that keep a version.
#include <chrono>
#include <cstdio>

#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/run/branch_start.h"

namespace strata {
namespace {

void PrintJson(const std::string& pin, Version version) {
  std::printf("%s\n", DumpJson({{"pin", pin}, {"version", VersionName(version)}}).c_str());
}

// Why the version stays without the pin; "" = nothing keeps it.
std::string KeptBy(const BranchStore& store, Version version) {
  if (version == store.current()) return "current";
  if (version == store.previous()) return "previous";
  for (const PinInfo& pin : store.Pins()) {
    if (pin.version == version) return pin.name;
  }
  for (const Version parked : store.Parked()) {
    if (parked == version) return "parked";
  }
  return "";
}

absl::StatusOr<ExitCode> RunPin(const BranchOptions& options, const std::string& pin,
                                const std::string& name) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  ASSIGN_OR_RETURN(BranchStore store, OpenBranchStore(config));
  ASSIGN_OR_RETURN(const Version version, store.Pin(pin, name, std::chrono::system_clock::now()));
  if (options.json) {
    PrintJson(pin, version);
  } else {
    std::printf("%s is pinned: %s stays until `strata unpin %s`\n",
                (config.AdaptersDir() / pin).c_str(), VersionName(version).c_str(), pin.c_str());
  }
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> RunUnpin(const BranchOptions& options, const std::string& pin) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  ASSIGN_OR_RETURN(BranchStore store, OpenBranchStore(config));
  ASSIGN_OR_RETURN(const Version version, store.Unpin(pin, std::chrono::system_clock::now()));
  if (options.json) {
    PrintJson(pin, version);
    return ExitCode::kOk;
  }
  const std::string name = VersionName(version), kept_by = KeptBy(store, version);
  if (kept_by.empty()) {
    std::printf("%s is no pin any more; the next training deletes the folder of %s\n", pin.c_str(),
                name.c_str());
  } else {
    std::printf("%s is no pin any more; %s stays as %s\n", pin.c_str(), name.c_str(),
                kept_by.c_str());
  }
  return ExitCode::kOk;
}

}  // namespace

void AddPin(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand("pin", "Give a version a name that keeps it");
  auto options = std::make_shared<BranchOptions>();
  auto pin = std::make_shared<std::string>();
  auto name = std::make_shared<std::string>("current");
  AddBranchOptions(command, options.get());
  command
      ->add_option("NAME", *pin,
                   "The name: a link of that name appears in adapters/lora_adapters, and restore "
                   "takes it")
      ->type_name("NAME")
      ->required();
  command
      ->add_option("VERSION", *name,
                   "current, previous, a version (v0003), a backup's name or another pin")
      ->type_name(kVersionValue)
      ->capture_default_str();
  command->callback([=] { *action = [=] { return RunPin(*options, *pin, *name); }; });
}

void AddUnpin(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand(
      "unpin", "Take a pin's name away; its version goes with the next training");
  auto options = std::make_shared<BranchOptions>();
  auto pin = std::make_shared<std::string>();
  AddBranchOptions(command, options.get());
  command->add_option("NAME", *pin, "The pin's name (strata status lists them)")
      ->type_name(kVersionValue)
      ->required();
  command->callback([=] { *action = [=] { return RunUnpin(*options, *pin); }; });
}

}  // namespace strata
