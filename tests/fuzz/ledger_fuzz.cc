// Goal: no ledger does harm, whether torn, forged or signed by a liar; what a state names is safe
// to look up and to delete. Method: the input as the file; as one line with a true hash; and each
// of its lines as an event, folded.
#include "coordinator/store/ledger.h"

#include <algorithm>

#include "coordinator/run/run_journal.h"
#include "coordinator/store/branch_state.h"
#include "tests/fuzz/fuzz_folder.h"

namespace strata {
namespace {

bool IsOneName(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.find('/') == std::string::npos;
}

void CheckState(const BranchState& state) {
  for (const auto& [version, commit] : state.versions) {
    Expect(version == commit.version && version != Version(), "a version has its number");
    Expect(IsOneName(commit.run), "a run names one folder");
    const auto ancestry = state.Ancestry(version);
    Expect(!ancestry.empty() && ancestry.back()->version == version, "ancestry ends with itself");
    state.Undone(state.current, version);
  }
  for (const BackupRecord& backup : state.backups)
    Expect(IsBackupName(backup.name), "a backup is called as backups are");
  for (const std::string& name : state.pruning_backups)
    Expect(IsBackupName(name), "only a backup is pruned as one");
  for (const auto& [pin, version] : state.pins) {
    Expect(CheckPinName(pin).ok() && state.versions.contains(version), "a pin is one");
    Expect(!state.pruning_versions.contains(version), "what is pinned is not pruned");
  }
  for (const Version version : state.pruning_versions)
    Expect(state.versions.contains(version) && version != state.current, "current is not pruned");
  Expect(state.current == Version() || state.versions.contains(state.current), "current exists");
  Expect(state.previous == Version() || state.versions.contains(state.previous), "previous exists");
  LineageOf(state);
}

// The same file as a run's journal.
void CheckJournal() {
  const auto journal = RunJournal::Open(TheFolder().path() / "ledger.jsonl");
  if (!journal.ok()) return;
  RunSpec spec;
  spec.stages = {{2, 1}, {3}};
  const RunState state = Resumed(spec, journal->lines());
  if (!state.checkpoint) return;
  const Position& next = state.checkpoint->next;
  Expect(next.stage < 2 && next.step <= 3 && next == state.recorded, "a place of the plan");
}

void CheckFile(std::string_view bytes) {
  const auto ledger = Ledger::Read(TheFolder().Write("ledger.jsonl", bytes));
  Expect(ledger.ok(), "damage is told, it is no error");
  const auto state = Fold(ledger->events());
  if (state.ok()) CheckState(*state);
  CheckJournal();
}

// The input as what stands before the hash.
std::string Signed(std::string_view input) {
  std::string line(input.substr(0, input.find('\n')));
  return line + ",\"hash\":\"" + Sha256Of(line).Hex() + "\"}\n";
}

std::vector<LedgerEvent> EventsOf(std::string_view input) {
  std::vector<LedgerEvent> events;
  while (!input.empty()) {
    const std::string_view line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(input.size(), line.size() + 1));
    const auto json = ParseJson(line, "a line");
    if (!json.ok()) continue;
    const auto body = JsonNested(*json, "body", "a line");
    const auto kind = JsonString(*json, "kind", "a line");
    if (body.ok() && kind.ok()) events.push_back({events.size() + 1, *kind, "", **body});
  }
  return events;
}

}  // namespace
}  // namespace strata

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strata;
  const std::string_view input = InputOf(data, size);
  CheckFile(input);
  CheckFile(Signed(input));
  const std::vector<LedgerEvent> events = EventsOf(input);
  const auto state = Fold(events);
  if (state.ok()) CheckState(*state);
  return 0;
}
