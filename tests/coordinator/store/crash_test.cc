// Goal: a commit and a restore survive a kill or a failing disk at every change they make to the
// disk. Method: a FileSystem that fails, or ends the process, at its Nth system call, for every N;
// then a fresh store and a reader of its own judge what is left.
#include <functional>

#include "tests/coordinator/store/faulty_file_system.h"
#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

using testing::AnyOf;
using testing::IsEmpty;

constexpr int kCallsMax = 1000;
const BranchStore::Time kNow = std::chrono::system_clock::from_time_t(1761990000);

// Writes down what is done.
class WatchingFileSystem : public FileSystem {
 public:
  const std::vector<std::string>& calls() const { return calls_; }

 protected:
  absl::Status Before(std::string_view operation, const std::filesystem::path& path) override {
    calls_.push_back(std::string(operation) + " " + path.filename().string());
    return absl::OkStatus();
  }

 private:
  std::vector<std::string> calls_;
};

class CrashTest : public TrainedBranch {
 protected:
  // Three versions, so that the next commit rotates, backs up a pair and prunes.
  void SetUp() override {
    TrainedBranch::SetUp();
    NewBranch();
  }
  void NewBranch() {
    Wipe();
    CommitRuns(3, 1);
  }
  // False once `change` ran to its end before the Nth call came.
  bool KilledAt(int nth, const std::function<void(BranchStore*)>& change) {
    return strata::KilledAt(nth, [&](FileSystem* files) {
      absl::StatusOr<BranchStore> store = BranchStore::Open(adapters_, files);
      if (store.ok()) change(&*store);
    });
  }
  void ExpectHealthyAfterRecovery(float other) {
    EXPECT_THAT(ValueBehind("current"), AnyOf(3, other));
    for (int times = 0; times < 2; ++times) {
      BranchStore store = Open();
      const absl::Status recovered = store.Recover().status();
      ASSERT_TRUE(recovered.ok()) << recovered;
      EXPECT_THAT(*store.Verify(), IsEmpty());
    }
    const float current = ValueBehind("current");
    EXPECT_THAT(current, AnyOf(3, other));
    EXPECT_NE(ValueBehind("previous"), -1);
    EXPECT_NE(ValueBehind("previous"), current);
  }
  void ExpectCommitsAgain() {
    BranchStore store = Open();
    const absl::StatusOr<CommitOutcome> outcome = store.Commit(Next(5, store.current()));
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(ValueBehind("current"), 5);
    EXPECT_THAT(*store.Verify(), IsEmpty());
    EXPECT_EQ(Names("versions").size(), 2u);
    EXPECT_EQ(Names("backups").size(), 2u);
  }
  bool LedgerHas(const std::string& words) const {
    return Text(LedgerFile()).find(words) != std::string::npos;
  }
  bool LedgerHasRun(uint32_t run) const {
    return LedgerHas("\"run\":\"run-" + std::to_string(run) + "\",\"parked\"");
  }
  static Candidate Next(uint32_t run, Version parent) {
    Candidate candidate = CandidateOf(run, parent);
    candidate.keep_backups = 1;
    return candidate;
  }
};

TEST_F(CrashTest, KilledCommitLeavesTheBranchWholeAtEveryCall) {
  int nth = 1;
  for (; nth < kCallsMax; ++nth) {
    SCOPED_TRACE(nth);
    NewBranch();
    const bool killed = KilledAt(
        nth, [](BranchStore* store) { store->Commit(Next(4, Version(3))).status().IgnoreError(); });
    ExpectHealthyAfterRecovery(4);
    ExpectCommitsAgain();
    if (!killed || HasFailure()) break;
  }
  EXPECT_GT(nth, 50);
  EXPECT_LT(nth, kCallsMax);
}

TEST_F(CrashTest, KilledFirstCommitLeavesNothingOrAVersionAtEveryCall) {
  for (int nth = 1; nth < kCallsMax; ++nth) {
    SCOPED_TRACE(nth);
    Wipe();
    const bool killed = KilledAt(nth, [](BranchStore* store) {
      store->Commit(CandidateOf(1, Version())).status().IgnoreError();
    });
    BranchStore store = Open();
    const absl::Status recovered = store.Recover().status();
    ASSERT_TRUE(recovered.ok()) << recovered;
    ASSERT_THAT(*store.Verify(), IsEmpty());
    ASSERT_TRUE(store.Commit(CandidateOf(1, Version())).ok());
    ASSERT_EQ(ValueBehind("current"), 1);
    if (!killed) return;
  }
  FAIL() << "the commit never came to its end";
}

TEST_F(CrashTest, KilledRestoreFromABackupLeavesTheBranchWholeAtEveryCall) {
  const std::string backup = "backup_previous_20251031_104045";
  int nth = 1;
  for (; nth < kCallsMax; ++nth) {
    SCOPED_TRACE(nth);
    NewBranch();
    ASSERT_EQ(ValueBehind("backups/" + backup), 1);
    const bool killed = KilledAt(
        nth, [&](BranchStore* store) { store->Restore(backup, kNow).status().IgnoreError(); });
    ExpectHealthyAfterRecovery(1);
    ExpectCommitsAgain();
    if (!killed || HasFailure()) break;
  }
  EXPECT_GT(nth, 15);
}

TEST_F(CrashTest, KilledHealingIsFinishedByTheNextStartAtEveryCall) {
  int nth = 1;
  for (; nth < kCallsMax; ++nth) {
    SCOPED_TRACE(nth);
    NewBranch();
    ASSERT_TRUE(Open().Restore("v0002", kNow).ok());
    Overwrite(adapters_ / "versions/v0002/adapter_model.safetensors", "cut");
    const bool killed =
        KilledAt(nth, [](BranchStore* store) { store->Recover().status().IgnoreError(); });
    BranchStore store = Open();
    ASSERT_TRUE(store.Recover().ok());
    EXPECT_THAT(*store.Verify(), IsEmpty());
    EXPECT_EQ(ValueBehind("current"), 2);
    EXPECT_EQ(ValueBehind("previous"), 3);
    EXPECT_EQ(Text(QuarantinedOf("v0002") / "adapter_model.safetensors"), "cut");
    if (!killed || HasFailure()) break;
  }
  EXPECT_GT(nth, 15);
}

// v0001 has no folder any more: it returns from its backup first.
TEST_F(CrashTest, KilledPinIsWholeOrNotThereAtEveryCall) {
  int nth = 1;
  for (; nth < kCallsMax; ++nth) {
    SCOPED_TRACE(nth);
    NewBranch();
    ASSERT_FALSE(std::filesystem::exists(adapters_ / "versions/v0001"));
    const bool killed = KilledAt(
        nth, [](BranchStore* store) { store->Pin("mine", "v0001", kNow).status().IgnoreError(); });
    ExpectHealthyAfterRecovery(3);
    const bool pinned = LedgerHas("\"kind\":\"pin\"");
    EXPECT_EQ(ValueBehind("mine"), pinned ? 1 : -1);
    BranchStore store = Open();
    ASSERT_TRUE(store.Commit(Next(5, store.current())).ok());
    EXPECT_EQ(Names("versions").size(), pinned ? 3u : 2u);
    EXPECT_THAT(*store.Verify(), IsEmpty());
    if (!killed || HasFailure()) break;
  }
  EXPECT_GT(nth, 15);
}

TEST_F(CrashTest, KilledUnpinIsFinishedByTheNextStartAtEveryCall) {
  int nth = 1;
  for (; nth < kCallsMax; ++nth) {
    SCOPED_TRACE(nth);
    NewBranch();
    ASSERT_TRUE(Open().Pin("mine", "v0001", kNow).ok());
    std::filesystem::create_symlink("versions/v0001", adapters_ / "by_hand");
    const bool killed = KilledAt(
        nth, [](BranchStore* store) { store->Unpin("mine", kNow).status().IgnoreError(); });
    ExpectHealthyAfterRecovery(3);
    const bool pinned = !LedgerHas("\"kind\":\"unpin\"");
    EXPECT_EQ(ValueBehind("mine"), pinned ? 1 : -1);
    EXPECT_EQ(std::filesystem::is_symlink(adapters_ / "mine"), pinned);
    EXPECT_EQ(ValueBehind("by_hand"), 1);
    if (!killed || HasFailure()) break;
  }
  EXPECT_GT(nth, 8);
}

// The writer before may have been killed between its write and its fsync.
TEST_F(CrashTest, WhatIsFoundIsMadeDurableBeforeItIsBelieved) {
  WatchingFileSystem files;
  ASSERT_TRUE(Open(&files).Recover().ok());
  EXPECT_THAT(files.calls(),
              testing::ElementsAre("fsync ledger.jsonl", "close ledger.jsonl",
                                   "fsync lora_adapters", "fsync versions", "fsync backups"));
}

TEST_F(CrashTest, RecoveryMayBeKilledToo) {
  for (int commit_call = 5; commit_call < 80; commit_call += 5) {
    for (int nth = 1; nth < kCallsMax; ++nth) {
      SCOPED_TRACE(testing::Message() << commit_call << ", then " << nth);
      NewBranch();
      KilledAt(commit_call, [](BranchStore* store) {
        store->Commit(Next(4, Version(3))).status().IgnoreError();
      });
      const bool killed =
          KilledAt(nth, [](BranchStore* store) { store->Recover().status().IgnoreError(); });
      ExpectHealthyAfterRecovery(4);
      if (HasFailure()) return;
      if (!killed) break;
    }
  }
}

TEST_F(CrashTest, FullDiskFailsTheCommitBeforeItsLineAndOnlyPutsOffTheRestAfterIt) {
  for (const Fault fault : {Fault::kOnce, Fault::kFromThenOn}) {
    bool struck = true;
    int put_off = 0;
    for (int nth = 1; struck && nth < kCallsMax; ++nth) {
      SCOPED_TRACE(nth);
      NewBranch();
      FaultyFileSystem files(nth, fault);
      BranchStore store = Open(&files);
      const absl::StatusOr<CommitOutcome> committed = store.Commit(Next(4, Version(3)));
      struck = files.struck();
      EXPECT_EQ(committed.ok() && committed->rotation_pending.empty(), !struck);
      const bool in_doubt =
          files.first() == "fsync ledger.jsonl" || files.first() == "close ledger.jsonl";
      EXPECT_TRUE(committed.ok() == LedgerHasRun(4) || in_doubt) << committed.status();
      put_off += committed.ok() && struck;
      ExpectHealthyAfterRecovery(4);
      ExpectCommitsAgain();
      if (HasFailure()) return;
    }
    EXPECT_FALSE(struck);
    EXPECT_GT(put_off, 20);
  }
}

}  // namespace
}  // namespace strata
