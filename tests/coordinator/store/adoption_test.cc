// Goal: an adoption takes the adapters over under their names and leaves the old folder byte for
// byte, and a kill at any of its changes leaves the one layout or the other, whole. Method: an old
// folder of a few files, adapters of CandidateOf; a FileSystem that ends the process at its Nth
// call, for every N, once with a file system that can exchange two names and once without.
#include "coordinator/store/adoption.h"

#include <sys/wait.h>

#include "common/status_macros.h"
#include "coordinator/store/writable.h"
#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kKilled = 137;
constexpr int kCallsMax = 2000;
constexpr char kBackup[] = "backup_current_20251031_104042";
constexpr char kOlder[] = "backup_current_20250930_104042";
const BranchStore::Time kNow = std::chrono::system_clock::from_time_t(1761990000);

// Ends the process at its Nth call; 0 = never. May be unable to exchange.
class KillingFileSystem : public FileSystem {
 public:
  KillingFileSystem(int nth, bool exchanges) : left_(nth), exchanges_(exchanges) {}

 protected:
  absl::Status Before(std::string_view operation, const fs::path&) override {
    if (--left_ == 0) _exit(kKilled);
    if (operation == "exchange" && !exchanges_) return absl::UnimplementedError("no exchange");
    return absl::OkStatus();
  }

 private:
  int left_;
  const bool exchanges_;
};

class AdoptionTest : public TrainedBranch {
 protected:
  void SetUp() override {
    TrainedBranch::SetUp();
    NewBranch();
  }
  void NewBranch() const {
    Wipe();
    for (const char* folder : {"current", "previous", "backups/backup_current_20251031_104042"}) {
      fs::create_directories(adapters_ / folder);
      Overwrite(adapters_ / folder / "adapter_model.safetensors", std::string("of ") + folder);
    }
  }
  // Three adapters: the oldest in two backups, one of a snapshot, the last current.
  static Adoption Plan() {
    Adoption adoption;
    adoption.adapters = 3;
    adoption.candidate = [](size_t index) -> absl::StatusOr<Candidate> {
      Candidate candidate = CandidateOf(static_cast<uint32_t>(index) + 1, Version());
      candidate.fresh_lineage = true;
      candidate.origin = Origin{{{"folder", "/old"}}, nullptr};
      return candidate;
    };
    adoption.backups = {{kOlder, 0}, {kBackup, 1}, {"backup_previous_20251031_104042", 0}};
    adoption.pins = {{"snapshot_2025", 1}};
    return adoption;
  }
  absl::Status AdoptNow(FileSystem* files) const {
    ASSIGN_OR_RETURN(const bool finished, FinishAdoption(adapters_, files));
    if (finished || IsStrataLayout(adapters_)) return absl::OkStatus();
    return Adopt(adapters_, Plan(), files);
  }
  bool KilledAt(int nth, bool exchanges) const {
    const pid_t child = fork();
    if (child == 0) {
      KillingFileSystem files(nth, exchanges);
      _exit(AdoptNow(&files).ok() ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) != 1);
    return WEXITSTATUS(status) == kKilled;
  }
  bool IsOld(const fs::path& folder) const {
    return Text(folder / "current/adapter_model.safetensors") == "of current" &&
           Text(folder / "previous/adapter_model.safetensors") == "of previous" &&
           Text(folder / "backups" / kBackup / "adapter_model.safetensors").rfind("of ", 0) == 0 &&
           Entries(folder) == std::vector<std::string>{"backups", "current", "previous"};
  }
  static std::vector<std::string> Entries(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  void ExpectAdopted() const {
    EXPECT_EQ(ValueBehind("current"), 3);
    EXPECT_EQ(ValueBehind("previous"), 2);
    EXPECT_EQ(ValueBehind("snapshot_2025"), 2);
    EXPECT_EQ(ValueBehind(std::string("backups/") + kOlder), 1);
    EXPECT_THAT(*Open().Verify(), IsEmpty());
    EXPECT_TRUE(IsOld(OriginalFolder(adapters_)));
    EXPECT_THAT(Entries(adapters_.parent_path()),
                ElementsAre("lora_adapters", "lora_adapters.original"));
  }
};

TEST_F(AdoptionTest, AdaptersKeepTheirNamesAndTheOldFolderItsBytes) {
  const absl::Status adopted = AdoptNow(FileSystem::Real());
  ASSERT_TRUE(adopted.ok()) << adopted;
  ExpectAdopted();
  EXPECT_THAT(Names("backups"), ElementsAre(kOlder, kBackup, "backup_previous_20251031_104042"));
  BranchStore store = Open();
  EXPECT_EQ(*store.Restore(kBackup, kNow), Version(2));
  EXPECT_EQ(*store.Restore(kOlder, kNow), Version(1));
  EXPECT_EQ(ValueBehind("current"), 1);
}

TEST_F(AdoptionTest, WhatIsAdoptedIsKeptLikeTheBackupsOfCommits) {
  ASSERT_TRUE(AdoptNow(FileSystem::Real()).ok());
  BranchStore store = Open();
  Candidate next = CandidateOf(4, store.current());
  next.keep_backups = 2;
  ASSERT_TRUE(store.Commit(next).ok());
  EXPECT_THAT(Names("backups"),
              ElementsAre("backup_current_20251031_104042", "backup_current_20251031_104046",
                          "backup_previous_20251031_104042", "backup_previous_20251031_104046"));
  EXPECT_THAT(Names("versions"), ElementsAre("v0002", "v0003", "v0004"));
  EXPECT_THAT(*store.Verify(), IsEmpty());
}

TEST_F(AdoptionTest, AKillAtAnyCallLeavesTheOldOrTheNewLayout) {
  for (const bool exchanges : {true, false}) {
    int nth = 1, times_between = 0;
    for (; nth < kCallsMax; ++nth) {
      SCOPED_TRACE(testing::Message() << nth << (exchanges ? "" : ", without exchange"));
      NewBranch();
      const bool killed = KilledAt(nth, exchanges);
      const bool is_old = fs::exists(adapters_) && IsOld(adapters_);
      const bool is_new = IsStrataLayout(adapters_);
      const bool between = !exchanges && !fs::exists(adapters_);
      EXPECT_TRUE(is_old || is_new || between);
      EXPECT_EQ(IsBetweenLayouts(adapters_), between);
      times_between += between;
      if (between) {
        EXPECT_THAT(std::string(CheckWritable(adapters_, FileSystem::Real()).message()),
                    HasSubstr("run strata adopt"));
      }
      if (is_new) {
        EXPECT_EQ(ValueBehind("current"), 3);
        EXPECT_THAT(*Open().Verify(), IsEmpty());
      }
      const absl::Status again = AdoptNow(FileSystem::Real());
      ASSERT_TRUE(again.ok()) << again;
      ExpectAdopted();
      if (!killed || HasFailure()) break;
    }
    EXPECT_EQ(times_between > 0, !exchanges);
    EXPECT_GT(nth, 100);
    EXPECT_LT(nth, kCallsMax);
  }
}

TEST_F(AdoptionTest, WhatACommitRefusesLeavesTheOldFolderInItsPlace) {
  Adoption adoption = Plan();
  const auto make = adoption.candidate;
  adoption.candidate = [&](size_t index) {
    absl::StatusOr<Candidate> candidate = make(index);
    if (index == 2) std::fill(candidate->adapter.begin(), candidate->adapter.end(), 0.0f);
    return candidate;
  };
  EXPECT_TRUE(absl::IsDataLoss(Adopt(adapters_, adoption, FileSystem::Real())));
  EXPECT_TRUE(IsOld(adapters_));
  ASSERT_TRUE(AdoptNow(FileSystem::Real()).ok());
  ExpectAdopted();
}

TEST_F(AdoptionTest, NothingThatIsNotItsOwnIsReplaced) {
  const fs::path fresh = adapters_.parent_path() / ".lora_adapters.adopting";
  fs::create_directories(OriginalFolder(adapters_));
  absl::Status refused = AdoptNow(FileSystem::Real());
  EXPECT_TRUE(absl::IsAlreadyExists(refused)) << refused;
  fs::remove(OriginalFolder(adapters_));
  // As after an exchange whose new layout was taken away by hand.
  fs::rename(adapters_, fresh);
  Overwrite(fresh / ".ledger.lock", "");
  refused = AdoptNow(FileSystem::Real());
  EXPECT_TRUE(absl::IsAlreadyExists(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr(fresh.string()));
  EXPECT_EQ(Text(fresh / "current/adapter_model.safetensors"), "of current");
}

TEST_F(AdoptionTest, ABranchWithoutAnyAdapterTakesThemToo) {
  Wipe();
  ASSERT_TRUE(AdoptNow(FileSystem::Real()).ok());
  EXPECT_EQ(ValueBehind("current"), 3);
  EXPECT_FALSE(fs::exists(OriginalFolder(adapters_)));
}

}  // namespace
}  // namespace strata
