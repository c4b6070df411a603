// Keeps the core's journal lines in a run's journal.jsonl, and reads them back for the process that
// goes on with the run. The file is a Ledger: hash-chained, one fsynced line each.
#pragma once

#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/core/run_core.h"
#include "coordinator/store/ledger.h"

namespace strata {

// What a line of the file says. DATA_LOSS for one that no strata wrote.
absl::StatusOr<JournalLine> JournalLineOf(const LedgerEvent& event);

class RunJournal {
 public:
  // A missing file has no lines yet. DATA_LOSS for one that no strata wrote or that was changed.
  static absl::StatusOr<RunJournal> Open(const std::filesystem::path& file);

  const std::vector<JournalLine>& lines() const { return lines_; }
  // The run is over and nothing goes on from it: its last line says so.
  bool closed() const;
  // The newest last: the checkpoints that count, or counted.
  std::vector<Checkpoint> Checkpoints() const;

  // Durable when it returns OK. As Ledger::Append otherwise.
  absl::Status Append(const JournalLine& line);

 private:
  Ledger ledger_;
  std::vector<JournalLine> lines_;
};

}  // namespace strata
