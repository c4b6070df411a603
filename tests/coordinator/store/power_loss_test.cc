// Goal: a power loss at any moment leaves a whole current and previous, never takes back what was
// reported committed, and so neither what a restart has acted on. Method: a disk that knows what
// has been fsynced; the change is stopped at its Nth system call, for every N, the branch is
// replaced by what was durable then, and a fresh store and a reader of its own judge it.
//
// Model: of a file stays what it held at its last fsync, of a folder the names that it had at its
// last fsync; every write, new name, rename and removal since then is gone. The program's own
// fsync(2) is watched (this file stands before the C library's), so that a call lost from the code
// is missed here. Not modelled: a disk that keeps some of what was not fsynced and loses the rest
// (crash_test.cc has the other end: it keeps all), torn blocks, and a disk that lies.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <functional>
#include <map>

#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::IsEmpty;

constexpr int kCallsMax = 1000;
const BranchStore::Time kNow = std::chrono::system_clock::from_time_t(1761990000);

// What is durable of a tree; all of it is in the beginning.
class Disk {
 public:
  explicit Disk(fs::path root) : root_(std::move(root)) {
    fs::create_directories(root_);
    Sync(root_);
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      if (!entry.is_symlink()) Sync(entry.path());
    }
    root_node_ = NodeOf(root_);
  }
  ~Disk() {
    for (const auto& [inode, node] : nodes_) close(node.held);
  }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  void Sync(const fs::path& path) {
    Node& node = nodes_.at(NodeOf(path));
    if (!fs::is_directory(path)) {
      node.bytes = ReadFile(path, 1 << 20).value_or("");
      return;
    }
    node.folder = true;
    node.names.clear();
    node.links.clear();
    for (const auto& entry : fs::directory_iterator(path)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_symlink()) node.links[name] = fs::read_symlink(entry.path());
      if (!entry.is_symlink()) node.names[name] = NodeOf(entry.path());
    }
  }
  // Puts in the place of the tree what is durable of it.
  void LosePower() const {
    fs::remove_all(root_);
    Put(root_, nodes_.at(root_node_));
  }

 private:
  struct Node {
    int held = -1;  // keeps the inode, and so its number, for this file
    bool folder = false;
    std::string bytes;
    std::map<std::string, ino_t> names;
    std::map<std::string, fs::path> links;
  };

  ino_t NodeOf(const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
    Node& node = nodes_[status.st_ino];
    if (node.held < 0) {
      node.held = open(path.c_str(), O_PATH | O_CLOEXEC);
      node.folder = S_ISDIR(status.st_mode);
    }
    return status.st_ino;
  }
  void Put(const fs::path& path, const Node& node) const {
    if (!node.folder) {
      std::ofstream(path) << node.bytes;
      return;
    }
    fs::create_directory(path);
    for (const auto& [name, inode] : node.names) Put(path / name, nodes_.at(inode));
    for (const auto& [name, target] : node.links) fs::create_symlink(target, path / name);
  }

  const fs::path root_;
  ino_t root_node_ = 0;
  std::map<ino_t, Node> nodes_;
};

Disk* watching = nullptr;  // the disk that fsync(2) reports to

class PowerCut : public FileSystem {
 public:
  explicit PowerCut(int nth) : left_(nth) {}
  bool struck() const { return left_ <= 0; }

 protected:
  absl::Status Before(std::string_view, const fs::path&) override {
    return --left_ > 0 ? absl::OkStatus() : absl::UnavailableError("the power is off");
  }

 private:
  int left_;
};

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

extern "C" int fsync(int descriptor) {
  const auto done = static_cast<int>(syscall(SYS_fsync, descriptor));
  if (done == 0 && strata::watching != nullptr) {
    strata::watching->Sync("/proc/self/fd/" + std::to_string(descriptor));
  }
  return done;
}
