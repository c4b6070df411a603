// verify: hashes everything again; with --repair heals what can be healed.
#include <chrono>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/store_json.h"
#include "coordinator/run/branch_start.h"
#include "coordinator/run/run_lock.h"

namespace strata {
namespace {

// What a repair did, a sentence each.
absl::StatusOr<std::vector<std::string>> Repair(const Config& config, BranchStore* store) {
  // A training that began on what is healed or given up now would be parked at its end.
  ASSIGN_OR_RETURN(const FileLock lock, HoldForRun(config));
  ASSIGN_OR_RETURN(std::vector<std::string> done, store->Repair(std::chrono::system_clock::now()));
  RETURN_IF_ERROR(
      MendReportOf(config, *store, [&](const std::string& sentence) { done.push_back(sentence); }));
  return done;
}

Json FellBackJson(const BranchStore& store) {
  if (!store.fell_back()) return nullptr;
  return {{"from", NameOrNull(store.fell_back()->from)},
          {"to", NameOrNull(store.fell_back()->to)},
          {"time", store.fell_back()->time}};
}

void PrintVerified(const BranchStore& store, const std::vector<std::string>& done,
                   const std::vector<std::string>& findings) {
  for (const std::string& sentence : done) std::printf("repaired: %s\n", sentence.c_str());
  if (store.fell_back()) std::printf("%s\n", FellBackText(*store.fell_back()).c_str());
  for (const std::string& finding : findings) std::printf("%s\n", finding.c_str());
  std::printf("%s\n", findings.empty() ? "every version, backup and ledger line is whole"
                                       : absl::StrCat("damaged; ", kMends).c_str());
}

absl::StatusOr<ExitCode> RunVerify(const BranchOptions& options, bool repair) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  ASSIGN_OR_RETURN(BranchStore store, OpenBranchStore(config));
  std::vector<std::string> done;
  if (repair) {
    ASSIGN_OR_RETURN(done, Repair(config, &store));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> findings, store.Verify());
  if (options.json) {
    std::printf("%s\n", DumpJson({{"health", findings.empty() ? "healthy" : "damaged"},
                                  {"findings", findings},
                                  {"fell_back", FellBackJson(store)},
                                  {"repaired", done}},
                                 1)
                            .c_str());
  } else {
    PrintVerified(store, done, findings);
  }
  return findings.empty() ? ExitCode::kOk : ExitCode::kData;
}

}  // namespace

void AddVerify(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand(
      "verify", "Read every version, backup and ledger line again, and compare hashes");
  auto options = std::make_shared<BranchOptions>();
  auto repair = std::make_shared<bool>(false);
  AddBranchOptions(command, options.get());
  command->add_flag("--repair", *repair,
                    "Heal what a whole copy is left of, make missing backups and a lost ledger "
                    "anew; what is damaged goes into quarantine, nothing is deleted");
  command->callback([=] { *action = [=] { return RunVerify(*options, *repair); }; });
}

}  // namespace strata
