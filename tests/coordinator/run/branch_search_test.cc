// Goal: every branch below a folder is found once, and what only looks like one is not. Method:
// folders made for it.
#include "coordinator/run/branch_search.h"

#include <fstream>

#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

class BranchSearchTest : public testing::Test {
 protected:
  void Branch(const std::string& name) {
    fs::create_directories(root_ / name);
    std::ofstream(root_ / name / "branch.yaml") << "model_name_or_path: base\n";
  }
  // As paths below the root.
  std::vector<std::string> Found() const {
    const auto found = FindBranches(root_);
    EXPECT_TRUE(found.ok()) << found.status();
    EXPECT_THAT(found->unreadable, IsEmpty());
    std::vector<std::string> names;
    for (const fs::path& branch : found->branches)
      names.push_back(branch.lexically_relative(root_).string());
    return names;
  }
  Folder folder_;
  fs::path root_ = folder_.path();
};

TEST_F(BranchSearchTest, FindsThemByNameSomeLevelsDeep) {
  Branch("b");
  Branch("a");
  Branch("ciencias/fisica/cuantica/campos");
  Branch("too/deep/to/be/found");
  EXPECT_THAT(Found(), ElementsAre("a", "b", "ciencias/fisica/cuantica/campos"));
}

TEST_F(BranchSearchTest, LooksForNothingBelowABranchOrInHiddenFolders) {
  Branch("a");
  Branch("a/kept/old");
  Branch(".trash/a");
  EXPECT_THAT(Found(), ElementsAre("a"));
}

TEST_F(BranchSearchTest, AFolderOfBranchesMayBeCalledAsAPartOfOneIs) {
  Branch("training/a");
  Branch("runs/b");
  EXPECT_THAT(Found(), ElementsAre("runs/b", "training/a"));
}

TEST_F(BranchSearchTest, ALinkToNowhereIsABranchThatIsBroken) {
  fs::create_directories(root_ / "a");
  fs::create_symlink(root_ / "common.yaml", root_ / "a" / "branch.yaml");
  EXPECT_THAT(Found(), ElementsAre("a"));
}

TEST_F(BranchSearchTest, TheRootMayBeABranchItself) {
  Branch(".");
  Branch("a");
  EXPECT_THAT(Found(), ElementsAre("."));
}

TEST_F(BranchSearchTest, ALinkIsFollowedAndABranchOfTwoNamesComesOnce) {
  Branch("elsewhere/a");
  fs::create_directory_symlink(root_ / "elsewhere" / "a", root_ / "z");
  fs::create_directory_symlink(root_, root_ / "elsewhere" / "round");
  EXPECT_THAT(Found(), ElementsAre("elsewhere/a"));
}

TEST_F(BranchSearchTest, AFolderThatIsNotThereIsAnError) {
  EXPECT_EQ(FindBranches(root_ / "none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Found(), IsEmpty());
}

}  // namespace
}  // namespace strata
