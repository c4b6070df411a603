// What outlives a coordinator process: the run's journal, its steps, its checkpoints and the
// branch's versions, in memory. Faults lose and damage what they would on a disk.
#pragma once

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "tests/coordinator/core/simulated_training.h"

namespace strata {

struct KeptCheckpoint {
  Checkpoint checkpoint;
  Replica replica;
  bool damaged = false;
};

struct SimulatedDisk {
  std::vector<JournalLine> journal;
  std::set<Position> steps;  // of steps.jsonl
  std::vector<KeptCheckpoint> checkpoints;
  std::vector<Checkpoint> written;
  std::vector<Digest> versions;  // committed

  // The file is there and whole; nullptr when not.
  const KeptCheckpoint* Whole(const Checkpoint& checkpoint) const {
    for (const KeptCheckpoint& kept : checkpoints) {
      if (kept.checkpoint == checkpoint) return kept.damaged ? nullptr : &kept;
    }
    return nullptr;
  }
  // Rank 0's was written and read back, whatever became of it.
  bool WasWritten(const Checkpoint& checkpoint) const {
    return std::find(written.begin(), written.end(), checkpoint) != written.end();
  }
  void RemoveBut(const std::vector<Checkpoint>& counted) {
    std::erase_if(checkpoints, [&](const KeptCheckpoint& kept) {
      for (const Checkpoint& checkpoint : counted)
        if (checkpoint == kept.checkpoint) return false;
      return true;
    });
  }
  void ForgetStepsFrom(const Position& place) {
    steps.erase(steps.lower_bound(place), steps.end());
  }
  // The run's last word is that nobody goes on with it.
  bool closed() const {
    return !journal.empty() && journal.back().resumable && !*journal.back().resumable;
  }
};

}  // namespace strata
