// Goal: a power loss at any moment leaves a whole current and previous, never takes back what was
// reported committed, and so neither what a restart has acted on. Method: a disk that knows what
// has been fsynced; the change is stopped at its Nth system call, for every N, the branch is
// replaced by what was durable then, and a fresh store and a reader of its own judge it.
#include <functional>

#include "tests/coordinator/store/durable_disk.h"
#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::IsEmpty;

constexpr int kCallsMax = 1000;
const BranchStore::Time kNow = std::chrono::system_clock::from_time_t(1761990000);

class PowerLossTest : public TrainedBranch {
 protected:
  using Change = std::function<bool(BranchStore*)>;  // true = reported done

  void TearDown() override {
    watching = nullptr;
    TrainedBranch::TearDown();
  }
  void NewBranch() const {
    Wipe();
    CommitRuns(3, 1);
  }
  static Candidate Next(uint32_t run, Version parent) {
    Candidate candidate = CandidateOf(run, parent);
    candidate.keep_backups = 1;
    return candidate;
  }
  static bool Commits(BranchStore* store) { return store->Commit(Next(4, Version(3))).ok(); }
  void ExpectWhole() const {
    BranchStore store = Open();
    const absl::Status recovered = store.Recover().status();
    ASSERT_TRUE(recovered.ok()) << recovered;
    EXPECT_THAT(*store.Verify(), IsEmpty());
    EXPECT_NE(ValueBehind("current"), -1);
    EXPECT_NE(ValueBehind("previous"), -1);
    EXPECT_NE(ValueBehind("previous"), ValueBehind("current"));
  }
  // Makes `change` lose its power at each call; it leads from version 3 to that of value `then`.
  void CutAtEveryCall(float then, const Change& change, int calls_min) {
    int nth = 1;
    for (bool struck = true; struck && !HasFailure(); ++nth) {
      SCOPED_TRACE(nth);
      ASSERT_LT(nth, kCallsMax);
      NewBranch();
      Disk disk(root_);
      PowerCut files(nth);
      watching = &disk;
      BranchStore store = Open(&files);
      const bool done = change(&store);
      watching = nullptr;
      struck = files.struck();
      disk.LosePower();
      EXPECT_THAT(ValueBehind("current"), AnyOf(3, then));
      ExpectWhole();
      EXPECT_THAT(ValueBehind("current"), AnyOf(done ? then : 3, then));
      BranchStore after = Open();
      EXPECT_TRUE(after.Commit(Next(5, after.current())).ok());
    }
    EXPECT_GT(nth, calls_min);
  }
};

TEST_F(PowerLossTest, ACommitIsWholeOrNotAndStaysOnceReported) { CutAtEveryCall(4, Commits, 50); }

TEST_F(PowerLossTest, ARebuildIsWholeOrNotAndStaysOnceReported) {
  CutAtEveryCall(
      4,
      [](BranchStore* store) {
        Candidate candidate = Next(4, Version(3));
        candidate.fresh_lineage = true;
        return store->Commit(candidate).ok();
      },
      40);
}

TEST_F(PowerLossTest, ARestoreFromABackupIsWholeOrNotAndStaysOnceReported) {
  CutAtEveryCall(
      1,
      [](BranchStore* store) {
        return store->Restore("backup_previous_20251031_104045", kNow).ok();
      },
      15);
}

TEST_F(PowerLossTest, APinStaysOnceReportedAndIsGoneOnceItsEndIs) {
  int nth = 1;
  for (bool struck = true; struck && !HasFailure(); ++nth) {
    ASSERT_LT(nth, kCallsMax);
    SCOPED_TRACE(nth);
    NewBranch();
    ASSERT_TRUE(Open().Pin("old", "v0002", kNow).ok());
    Disk disk(root_);
    PowerCut files(nth);
    watching = &disk;
    BranchStore store = Open(&files);
    const bool pinned = store.Pin("mine", "v0001", kNow).ok();
    const bool unpinned = pinned && store.Unpin("old", kNow).ok();
    watching = nullptr;
    struck = files.struck();
    disk.LosePower();
    ExpectWhole();
    EXPECT_TRUE(!pinned || ValueBehind("mine") == 1);
    EXPECT_TRUE(!unpinned || !fs::is_symlink(adapters_ / "old"));
    BranchStore after = Open();
    ASSERT_TRUE(after.Commit(Next(5, after.current())).ok());
    EXPECT_TRUE(!pinned || ValueBehind("mine") == 1);
    EXPECT_THAT(*after.Verify(), IsEmpty());
  }
  EXPECT_GT(nth, 12);
}

TEST_F(PowerLossTest, TheFirstCommitIsWholeOrNotAndStaysOnceReported) {
  bool struck = true;
  for (int nth = 1; struck && !HasFailure(); ++nth) {
    SCOPED_TRACE(nth);
    Wipe();
    Disk disk(root_);
    PowerCut files(nth);
    watching = &disk;
    BranchStore store = Open(&files);
    const bool done = store.Commit(CandidateOf(1, Version())).ok();
    watching = nullptr;
    struck = files.struck();
    disk.LosePower();
    BranchStore after = Open();
    ASSERT_TRUE(after.Recover().ok());
    EXPECT_THAT(*after.Verify(), IsEmpty());
    EXPECT_TRUE(!done || ValueBehind("current") == 1);
    ASSERT_TRUE(after.Commit(CandidateOf(1, Version())).ok());
  }
}

// The process dies at its Nth call, the next one starts and then the power fails: lines that the
// dead one wrote and never fsynced must not be taken back once the next has acted on them.
TEST_F(PowerLossTest, WhatARestartHasBelievedStays) {
  bool struck = true;
  for (int nth = 1; struck && !HasFailure(); ++nth) {
    SCOPED_TRACE(nth);
    NewBranch();
    Disk disk(root_);
    PowerCut dying(nth);
    watching = &disk;
    BranchStore store = Open(&dying);
    Commits(&store);
    struck = dying.struck();
    ASSERT_TRUE(Open().Recover().ok());
    watching = nullptr;
    const float believed = ValueBehind("current");
    disk.LosePower();
    EXPECT_EQ(ValueBehind("current"), believed);
    ExpectWhole();
    EXPECT_EQ(ValueBehind("current"), believed);
  }
}

}  // namespace
}  // namespace strata
