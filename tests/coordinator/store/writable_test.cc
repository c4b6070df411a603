// Goal: what would stop a commit is found before a training. Method: a FileSystem that refuses one
// folder, and something else where a link must go.
#include "coordinator/store/writable.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

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
  // What a process that nothing exempts from permissions is told.
  absl::StatusCode ToldToNobody() const {
    const pid_t child = fork();
    if (child == 0) {
      if (getuid() == 0 && setuid(65534) != 0) _exit(255);
      _exit(static_cast<int>(CheckWritable(adapters_, FileSystem::Real()).code()));
    }
    int status = 0;
    waitpid(child, &status, 0);
    return static_cast<absl::StatusCode>(WEXITSTATUS(status));
  }
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

TEST_F(WritableTest, AReadOnlyFolderAndAWrongOwnerAreRefused) {
  ASSERT_TRUE(CheckWritable(adapters_, FileSystem::Real()).ok());
  std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
  // As root's test the owner is wrong; as a user's the folder is read-only.
  for (const char* folder : {"", "versions", "backups"})
    std::filesystem::permissions(adapters_ / folder, std::filesystem::perms(0555));
  EXPECT_EQ(ToldToNobody(), absl::StatusCode::kPermissionDenied);
  for (const char* folder : {"", "versions", "backups"})
    std::filesystem::permissions(adapters_ / folder, std::filesystem::perms(0777));
  EXPECT_EQ(ToldToNobody(), absl::StatusCode::kOk);
  std::filesystem::permissions(adapters_ / "versions", std::filesystem::perms(0555));
  EXPECT_EQ(ToldToNobody(), absl::StatusCode::kPermissionDenied);
}

TEST_F(WritableTest, AUmaskThatTakesTheAdapterFromItsReadersIsRefused) {
  ASSERT_TRUE(CheckWritable(adapters_, FileSystem::Real()).ok());
  const mode_t before = umask(077);
  const absl::Status refused = CheckWritable(adapters_, FileSystem::Real());
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("umask 022"));
  // What was private before stays so.
  const absl::Status accepted = CheckWritable(folder_.path() / "private", FileSystem::Real());
  EXPECT_TRUE(accepted.ok()) << accepted;
  umask(before);
}

TEST_F(WritableTest, APlantedLedgerIsRefused) {
  std::filesystem::create_directories(adapters_);
  std::filesystem::create_symlink("/etc/passwd", adapters_ / "ledger.jsonl");
  const absl::Status checked = CheckWritable(adapters_, FileSystem::Real());
  EXPECT_EQ(checked.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(checked.message()), HasSubstr("ledger.jsonl is no regular file"));
}

}  // namespace
}  // namespace strata
