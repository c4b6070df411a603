// Appends events to a file and reads them back. ledger.jsonl, the one truth about a branch's
// versions, is such a file (BranchState folds over it), and so is a run's journal.jsonl.
//
// Model: one line per event, {"format", "seq", "prev", "kind", "time", "body", "hash"}. `hash` is
// the SHA-256 of the line's bytes before `,"hash"`, `prev` the hash of the line before (64 zeros in
// the first), so that a line changed, dropped or put in by hand breaks the chain.
// Durability: an event has happened once Append returned OK. A last line without its line break was
// torn by a kill; readers pass over it and the next Append cuts it off.
// Threads: one writer at a time, under the branch's ledger lock.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/sha256.h"

namespace strata {

struct LedgerEvent {
  uint64_t seq = 0;  // 1, 2, …
  std::string kind, time;
  Json body;
};

class Ledger {
 public:
  // Reads the lines up to the first that is wrong; damage() says which. A missing file has no
  // events.
  static absl::StatusOr<Ledger> Read(const std::filesystem::path& file);

  // The lines of a file that has just these events, whose numbers are 1, 2, ….
  static std::string Text(const std::vector<LedgerEvent>& events);

  const std::vector<LedgerEvent>& events() const { return events_; }
  // OK, or DATA_LOSS with the first line that is wrong, after which nothing can be believed.
  const absl::Status& damage() const { return damage_; }

  // Appends one event and returns it through events(). ABORTED, with nothing written, when the file
  // no longer ends as it was read. After a failure this object appends no more: a failed fsync can
  // not be mended by another one, so the next Read decides whether the event happened.
  absl::Status Append(FileSystem* files, const std::string& kind, const std::string& time,
                      Json body);

 private:
  std::filesystem::path file_;
  std::vector<LedgerEvent> events_;
  std::string last_hash_;
  FileEnd end_;               // of the file, as it was read or written last
  uint64_t whole_bytes_ = 0;  // of the lines that count; the rest is torn
  absl::Status damage_, failure_;
};

}  // namespace strata
