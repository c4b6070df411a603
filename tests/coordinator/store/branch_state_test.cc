// Goal: the state is what the events say, and events that name what cannot be are refused, however
// good their hashes. Method: fold events made by hand.
#include "coordinator/store/branch_state.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kBackup = "backup_current_20251031_104042";

class BranchStateTest : public testing::Test {
 protected:
  void Add(const std::string& kind, Json body) {
    events_.push_back({events_.size() + 1, kind, "2025-10-31T10:40:42Z", std::move(body)});
  }
  static Json Committed(uint32_t version, const std::vector<BackupRecord>& backups = {}) {
    CommittedVersion commit;
    commit.version = Version(version);
    commit.parent = Version(version - 1);
    commit.run = "run-" + std::to_string(version);
    commit.stages = {{.dataset = "d.jsonl",
                      .tier = "base",
                      .sha256 = Sha256Of(commit.run),
                      .examples = 10,
                      .epochs = 3,
                      .loss = 0.5}};
    return CommitBody(commit, backups);
  }
  void ExpectRefused(const std::string& kind, const Json& body, const std::string& why) {
    std::vector<LedgerEvent> events = events_;
    events.push_back({events.size() + 1, kind, "", body});
    const absl::Status refused = Fold(events).status();
    EXPECT_TRUE(absl::IsDataLoss(refused)) << kind << DumpJson(body);
    EXPECT_THAT(std::string(refused.message()), HasSubstr(why));
  }
  std::vector<LedgerEvent> events_;
};

TEST_F(BranchStateTest, CommitsMoveCurrentAndPrevious) {
  Add("begin", BeginBody(Version(1), "run-1"));
  Add("commit", Committed(1));
  Add("commit", Committed(2, {{kBackup, Version(1), {}, ""}}));
  Add("begin", BeginBody(Version(3), "run-3"));
  const BranchState state = *Fold(events_);
  EXPECT_EQ(state.current, Version(2));
  EXPECT_EQ(state.previous, Version(1));
  EXPECT_THAT(state.commits_owing_backups, ElementsAre(Version(2)));
  EXPECT_THAT(state.begun, ElementsAre(std::pair(Version(3), "run-3")));
  EXPECT_EQ(state.CommitOfRun("run-2")->version, Version(2));
  EXPECT_EQ(state.Ancestry(Version(2)).size(), 2u);
}

TEST_F(BranchStateTest, RestoreHoldsAndReleaseEndsIt) {
  Add("commit", Committed(1));
  Add("commit", Committed(2));
  const std::set<Digest> held = Fold(events_)->Undone(Version(2), Version(1));
  EXPECT_THAT(held, ElementsAre(Sha256Of("run-2")));
  Add("restore", RestoreBody(Version(1), "v0001", held));
  EXPECT_EQ(Fold(events_)->held, held);
  EXPECT_EQ(Fold(events_)->current, Version(1));
  Add("release", {{"sha256", Sha256Of("run-2").Hex()}});
  EXPECT_TRUE(Fold(events_)->held.empty());
}

TEST_F(BranchStateTest, PruningIsAnIntentUntilItIsDone) {
  Add("commit", Committed(1));
  Add("commit", Committed(2));
  Add("commit", Committed(3, {{kBackup, Version(2), {}, ""}}));
  Add("prune", PruneBody({kBackup}, {Version(1)}));
  EXPECT_THAT(Fold(events_)->pruning_versions, ElementsAre(Version(1)));
  EXPECT_TRUE(Fold(events_)->backups.empty());
  Add("pruned", PruneBody({kBackup}, {Version(1)}));
  EXPECT_TRUE(Fold(events_)->pruning_backups.empty());
  EXPECT_TRUE(Fold(events_)->pruning_versions.empty());
}

TEST_F(BranchStateTest, RefusesVersionsThatAreNotKnown) {
  Add("commit", Committed(1));
  ExpectRefused("commit", Committed(2, {{kBackup, Version(7), {}, ""}}), "v0007");
  ExpectRefused("commit", Committed(3), "v0002");
  ExpectRefused("commit", Committed(1), "a second time");
  ExpectRefused("restore", RestoreBody(Version(9), "", {}), "v0009");
  ExpectRefused("prune", PruneBody({}, {Version(9)}), "v0009");
  ExpectRefused("backups", BackupsMadeBody(Version(9)), "v0009");
  ExpectRefused("commission", Json::object(), "is not known");
}

TEST_F(BranchStateTest, RefusesToPruneWhatServes) {
  Add("commit", Committed(1));
  Add("commit", Committed(2));
  ExpectRefused("prune", PruneBody({}, {Version(2)}), "current or previous");
  ExpectRefused("prune", PruneBody({}, {Version(1)}), "current or previous");
}

TEST_F(BranchStateTest, PinsKeepTheirVersionsUntilTheyEnd) {
  Add("commit", Committed(1));
  Add("commit", Committed(2));
  Add("commit", Committed(3));
  Add("pin", PinBody("mine", Version(1)));
  EXPECT_THAT(Fold(events_)->pins, ElementsAre(std::pair("mine", Version(1))));
  ExpectRefused("prune", PruneBody({}, {Version(1)}), "or pinned");
  Add("unpin", UnpinBody("mine"));
  EXPECT_TRUE(Fold(events_)->pins.empty());
  EXPECT_THAT(Fold(events_)->unpinning, ElementsAre(std::pair("mine", Version(1))));
  Add("prune", PruneBody({}, {Version(1)}));
  Add("unpinned", UnpinBody("mine"));
  EXPECT_TRUE(Fold(events_)->unpinning.empty());
}

TEST_F(BranchStateTest, RefusesPinsThatCannotBe) {
  Add("commit", Committed(1));
  ExpectRefused("pin", PinBody("mine", Version(2)), "v0002");
  for (const char* pin : {"../x", "current", "versions", ".ledger.lock", "backup_x", "v0002", ""})
    ExpectRefused("pin", PinBody(pin, Version(1)), "cannot be the name of a pin");
  ExpectRefused("unpin", UnpinBody("mine"), "which is not pinned");
  ExpectRefused("unpinned", UnpinBody("../x"), "cannot be the name of a pin");
}

TEST_F(BranchStateTest, RefusesNamesThatLeadElsewhere) {
  Add("commit", Committed(1));
  for (const char* name : {"../../../precious", "", ".", "v0001", "backup_current_2025",
                           "backup_current_20251031_104042/..", "backup_other_20251031_104042"}) {
    ExpectRefused("prune", PruneBody({name}, {}), "is not the name of a backup");
    ExpectRefused("commit", Committed(2, {{name, Version(1), {}, ""}}), "not the name");
  }
  for (const char* run : {"", "../x", "..", "a/b", ".x"}) {
    ExpectRefused("begin", BeginBody(Version(2), run), "is not the id of a run");
  }
}

TEST_F(BranchStateTest, RefusesNumbersOutOfRange) {
  for (const int64_t number : {int64_t{-1}, int64_t{0}, int64_t{1} << 32, (int64_t{1} << 32) + 1}) {
    ExpectRefused("begin", {{"version", number}, {"run", "r"}}, "");
  }
  Json body = Committed(1);
  body["stages"][0]["epochs"] = -1;
  ExpectRefused("commit", body, "epochs is -1");
}

}  // namespace
}  // namespace strata
