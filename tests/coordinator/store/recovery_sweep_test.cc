// Goal: what brings a branch back from a loss survives a kill, a power loss and a failing disk at
// every change that it makes: repair, fall-back, a ledger made anew, the mirror, a restore from it.
// Method: each case damages a branch and names the change; the change dies, loses its power or gets
// an error at its Nth system call, for every N; then a reader of its own judges what is left, and a
// second try must end the work and a third find none.
#include <functional>

#include "tests/coordinator/store/durable_disk.h"
#include "tests/coordinator/store/faulty_file_system.h"
#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::IsEmpty;

constexpr int kCallsMax = 1000;
const BranchStore::Time kNow = std::chrono::system_clock::from_time_t(1761990000);

// The branch has the versions 2 and 3 (current), and backups of 1 and 2.
struct Sweep {
  const char* name;
  bool has_mirror;
  std::function<void(const fs::path& adapters)> damage;
  std::function<bool(BranchStore*)> change;  // true = reported done
  float before, then;                        // current's value; -1 = damaged
  int calls_min;
};

void PrintTo(const Sweep& sweep, std::ostream* out) { *out << sweep.name; }

void Flip(const fs::path& folder) {
  const fs::path file = folder / "adapter_model.safetensors";
  std::string bytes = ReadFile(file, 1 << 20).value();
  bytes.back() ^= 1;
  std::ofstream(file, std::ios::trunc) << bytes;
}

void BreakChain(const fs::path& adapters) {
  const fs::path file = adapters / "ledger.jsonl";
  std::string text = ReadFile(file, 1 << 20).value();
  text.replace(text.find("d3.jsonl"), 8, "d9.jsonl");
  std::ofstream(file, std::ios::trunc) << text;
}

bool Repairs(BranchStore* store) { return store->Repair(kNow).ok(); }
bool Commits(BranchStore* store) {
  Candidate candidate = CandidateOf(4, Version(3));
  candidate.keep_backups = 1;
  const absl::StatusOr<CommitOutcome> outcome = store->Commit(candidate);
  return outcome.ok() && outcome->rotation_pending.empty() && outcome->mirror_pending.empty();
}

const Sweep kSweeps[] = {
    {"RepairFromABackup", false,
     [](const fs::path& adapters) {
       Flip(adapters / "versions/v0002");
       fs::remove_all(adapters / "backups/backup_previous_20251031_104045");
     },
     Repairs, 3, 3, 15},
    {"RepairFromTheMirror", true,
     [](const fs::path& adapters) {
       Flip(adapters / "versions/v0003");
       fs::remove_all(adapters / "backups");
     },
     Repairs, -1, 3, 40},
    {"FallBack", false, [](const fs::path& adapters) { Flip(adapters / "versions/v0003"); },
     [](BranchStore* store) { return store->FallBack(kNow).ok(); }, -1, 2, 15},
    {"RepairThatGivesUp", false,
     [](const fs::path& adapters) {
       Flip(adapters / "versions/v0003");
       Flip(adapters / "backups/backup_current_20251031_104045");
     },
     Repairs, -1, 2, 10},
    {"LedgerFromNothing", false,
     [](const fs::path& adapters) { fs::remove(adapters / "ledger.jsonl"); }, Repairs, 3, 3, 5},
    {"LedgerAfterABrokenLine", false, BreakChain, Repairs, 3, 3, 5},
    {"LedgerAndCurrentFromTheMirror", true,
     [](const fs::path& adapters) {
       fs::remove(adapters / "ledger.jsonl");
       fs::remove_all(adapters / "versions/v0003");
     },
     Repairs, -1, 3, 15},
    {"LedgerAndCurrentLost", false,
     [](const fs::path& adapters) {
       fs::remove(adapters / "ledger.jsonl");
       Flip(adapters / "versions/v0003");
     },
     Repairs, -1, 2, 15},
    {"CommitWithAMirror", true, [](const fs::path&) {}, Commits, 3, 4, 70},
    {"RestoreFromTheMirror", true,
     [](const fs::path& adapters) { fs::remove_all(adapters / "backups"); },
     [](BranchStore* store) { return store->Restore("v0001", kNow).ok(); }, 3, 1, 30},
};

class RecoverySweep : public TrainedBranch, public testing::WithParamInterface<Sweep> {
 protected:
  void SetUp() override {
    TrainedBranch::SetUp();
    std::string name = root_.string();
    std::replace(name.begin() + 1, name.end(), '/', '_');
    root_ = FastFolder() / name.substr(name.find("strata"));
    adapters_ = root_ / "adapters" / "lora_adapters";
  }
  void TearDown() override {
    watching = nullptr;
    TrainedBranch::TearDown();
  }
  absl::StatusOr<BranchStore> OpenIt(FileSystem* files) const {
    return BranchStore::Open(adapters_, files,
                             GetParam().has_mirror ? root_ / "mirror" / "name" : fs::path());
  }
  void NewBranch() const {
    Wipe();
    fs::create_directories(root_ / "mirror");
    CommitRuns(3, 1);
    ASSERT_TRUE(OpenIt(FileSystem::Real())->Recover().ok());
    GetParam().damage(adapters_);
  }
  // I1 and I2: what is readable is one of the two. A current that has a name keeps having one.
  void ExpectReadable() const {
    EXPECT_THAT(ValueBehind("current"), AnyOf(GetParam().before, GetParam().then));
    std::error_code error;
    EXPECT_TRUE(fs::is_symlink(adapters_ / "current"));
    EXPECT_TRUE(fs::exists(adapters_ / "current", error) ||
                !fs::exists(adapters_ / "versions/v0003", error));
  }
  void ExpectFinishes(bool done) const {
    for (int times = 0; times < 2; ++times) {
      absl::StatusOr<BranchStore> store = OpenIt(FileSystem::Real());
      const absl::StatusOr<std::vector<std::string>> repaired = store->Repair(kNow);
      ASSERT_TRUE(repaired.ok()) << repaired.status();
      EXPECT_THAT(*store->Verify(), IsEmpty());
      EXPECT_TRUE(times == 0 || repaired->empty()) << repaired->front();
    }
    const float then = GetParam().then, before = GetParam().before;
    EXPECT_THAT(ValueBehind("current"), AnyOf(then, done || before == -1 ? then : before));
    // I3.
    EXPECT_NE(ValueBehind("previous"), -1);
    EXPECT_NE(ValueBehind("previous"), ValueBehind("current"));
  }
  void ExpectCommits() const {
    absl::StatusOr<BranchStore> store = OpenIt(FileSystem::Real());
    Candidate candidate = CandidateOf(5, store->current());
    candidate.keep_backups = 1;
    const absl::StatusOr<CommitOutcome> outcome = store->Commit(candidate);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(outcome->rotation_pending + outcome->mirror_pending, "");
    EXPECT_EQ(ValueBehind("current"), 5);
    EXPECT_THAT(*store->Verify(), IsEmpty());
  }
  // Of what was damaged nothing is deleted: it lies in quarantine, or still in its place.
  size_t DamagedCopies() const {
    size_t damaged = 0;
    for (const auto& entry : fs::recursive_directory_iterator(adapters_)) {
      if (entry.path().filename() != "adapter_model.safetensors") continue;
      damaged += ValueBehind(entry.path().parent_path().string()) == -1;
    }
    return damaged;
  }
};

TEST_P(RecoverySweep, SurvivesAKillAtEveryCall) {
  NewBranch();
  const size_t damaged = DamagedCopies();
  int nth = 1;
  for (bool killed = true; killed && !HasFailure() && nth < kCallsMax; ++nth) {
    SCOPED_TRACE(nth);
    NewBranch();
    killed = KilledAt(nth, [&](FileSystem* files) {
      absl::StatusOr<BranchStore> store = OpenIt(files);
      if (store.ok()) GetParam().change(&*store);
    });
    ExpectReadable();
    EXPECT_GE(DamagedCopies(), damaged);
    ExpectFinishes(!killed);
    EXPECT_GE(DamagedCopies(), damaged);
    ExpectCommits();
  }
  EXPECT_GT(nth, GetParam().calls_min);
  EXPECT_LT(nth, kCallsMax);
}

TEST_P(RecoverySweep, SurvivesAPowerLossAtEveryCall) {
  int nth = 1;
  for (bool struck = true; struck && !HasFailure() && nth < kCallsMax; ++nth) {
    SCOPED_TRACE(nth);
    NewBranch();
    Disk disk(root_);
    PowerCut files(nth);
    watching = &disk;
    absl::StatusOr<BranchStore> store = OpenIt(&files);
    const bool done = store.ok() && GetParam().change(&*store);
    watching = nullptr;
    struck = files.struck();
    disk.LosePower();
    ExpectReadable();
    ExpectFinishes(done);
    ExpectCommits();
  }
  EXPECT_GT(nth, GetParam().calls_min);
  EXPECT_LT(nth, kCallsMax);
}

TEST_P(RecoverySweep, AFailingDiskIsToldAndTheNextTryEndsIt) {
  for (const absl::Status& error : {absl::ResourceExhaustedError("no space left on device"),
                                    absl::UnavailableError("input/output error")}) {
    bool struck = true;
    for (int nth = 1; struck && !HasFailure() && nth < kCallsMax; ++nth) {
      SCOPED_TRACE(nth);
      NewBranch();
      FaultyFileSystem files(nth, Fault::kOnce, error);
      absl::StatusOr<BranchStore> store = OpenIt(&files);
      const bool done = GetParam().change(&*store);
      struck = files.struck();
      EXPECT_TRUE(done || struck);
      ExpectReadable();
      ExpectFinishes(done);
      ExpectCommits();
    }
    EXPECT_FALSE(struck);
  }
}

INSTANTIATE_TEST_SUITE_P(Of, RecoverySweep, testing::ValuesIn(kSweeps),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace strata
