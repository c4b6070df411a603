// Goal: what would stop a commit is found before a training. Method: a FileSystem that refuses one
// folder, and something else where a link must go.
#include "coordinator/store/writable.h"

#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

using testing::HasSubstr;

class RefusingFileSystem : public FileSystem {
 public:
  explicit RefusingFileSystem(std::string refused) : refused_(std::move(refused)) {}

 protected:
  absl::Status Before(std::string_view operation, const std::filesystem::path& path) override {
    if (operation == "create" && path.parent_path().filename() == refused_)
      return absl::PermissionDeniedError("cannot create " + path.string());
    return absl::OkStatus();
  }

 private:
  const std::string refused_;
};

class WritableTest : public testing::Test {
 protected:
  Folder folder_;
  const std::filesystem::path adapters_ = folder_.path() / "adapters";
};

TEST_F(WritableTest, AWritableBranchPassesAndKeepsNothingOfTheTrial) {
  const absl::Status checked = CheckWritable(adapters_, FileSystem::Real());
  ASSERT_TRUE(checked.ok()) << checked;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(adapters_))
    EXPECT_TRUE(entry.is_directory()) << entry.path();
}

TEST_F(WritableTest, AFolderThatCannotBeWrittenIsNamed) {
  for (const std::string folder : {"adapters", "versions", "backups"}) {
    RefusingFileSystem files(folder);
    const absl::Status checked = CheckWritable(adapters_, &files);
    EXPECT_EQ(checked.code(), absl::StatusCode::kPermissionDenied) << folder;
    EXPECT_THAT(std::string(checked.message()), HasSubstr(folder));
  }
}

TEST_F(WritableTest, AFolderInTheWayOfALinkIsNamed) {
  for (const char* name : {"current", "previous"}) {
    std::filesystem::create_directories(adapters_ / name);
    const absl::Status checked = CheckWritable(adapters_, FileSystem::Real());
    EXPECT_EQ(checked.code(), absl::StatusCode::kAlreadyExists);
    EXPECT_THAT(std::string(checked.message()), HasSubstr(name));
    std::filesystem::remove(adapters_ / name);
  }
}

}  // namespace
}  // namespace strata
