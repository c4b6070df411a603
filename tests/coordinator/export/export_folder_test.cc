// Goal: an export has its name only once it is whole, and what fails leaves nothing behind. Method:
// folders of the real file system, and one whose Nth call fails.
#include "coordinator/export/export_folder.h"

#include <set>

#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Its Nth call fails, and every later one that makes something; 0 = none does.
class FullFileSystem : public FileSystem {
 public:
  explicit FullFileSystem(int nth) : left_(nth) {}
  bool struck() const { return struck_; }

 protected:
  absl::Status Before(std::string_view operation, const fs::path&) override {
    struck_ = struck_ || --left_ == 0;
    return struck_ && operation != "remove" ? absl::ResourceExhaustedError("no space left")
                                            : absl::OkStatus();
  }

 private:
  int left_;
  bool struck_ = false;
};

class ExportFolderTest : public testing::Test {
 protected:
  fs::path Path(const std::string& name) const { return folder_.path() / name; }
  std::set<std::string> Names(const std::string& name = ".") const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(Path(name)))
      names.insert(entry.path().filename().string());
    return names;
  }
  absl::StatusOr<ExportFolder> Begin(const fs::path& folder, uint64_t bytes = 1) const {
    return ExportFolder::Begin(folder, bytes, FileSystem::Real());
  }
  absl::Status ExportOne(FileSystem* files) const {
    absl::StatusOr<ExportFolder> made = ExportFolder::Begin(Path("out"), 1, files);
    if (!made.ok()) return made.status();
    const absl::Status written = made->Write("a", "bytes");
    return written.ok() ? made->Finish() : written;
  }
  Folder folder_;
};

TEST_F(ExportFolderTest, HasItsNameOnceItIsWhole) {
  absl::StatusOr<ExportFolder> made = Begin(Path("deep/er/out/"));
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_TRUE(made->Write("a", "bytes").ok());
  EXPECT_FALSE(fs::exists(Path("deep/er/out")));
  ASSERT_TRUE(made->Finish().ok());
  EXPECT_EQ(made->folder(), Path("deep/er/out"));
  EXPECT_THAT(Names("deep/er/out"), UnorderedElementsAre("a"));
  EXPECT_THAT(Names("deep/er"), UnorderedElementsAre("out"));
}

TEST_F(ExportFolderTest, AnEmptyFolderIsTaken) {
  fs::create_directory(Path("out"));
  ASSERT_TRUE(ExportOne(FileSystem::Real()).ok());
  EXPECT_THAT(Names("out"), UnorderedElementsAre("a"));
}

TEST_F(ExportFolderTest, NothingIsWrittenOver) {
  folder_.Write("out/theirs", "x");
  folder_.Write("file", "x");
  fs::create_directory_symlink("out", Path("link"));
  for (const char* name : {"out", "file", "link"}) {
    const absl::Status refused = Begin(Path(name)).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists) << name;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(Path(name).string()));
  }
  EXPECT_THAT(Names(), UnorderedElementsAre("out", "file", "link"));
}

TEST_F(ExportFolderTest, WhatIsAbandonedIsRemoved) {
  { ASSERT_TRUE(Begin(Path("out"))->Write("a", "bytes").ok()); }
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(ExportFolderTest, WhatAKilledTryLeftIsRemoved) {
  folder_.Write(".out.incoming/big/half", "half a file");
  ASSERT_TRUE(ExportOne(FileSystem::Real()).ok());
  EXPECT_THAT(Names(), UnorderedElementsAre("out"));
  EXPECT_THAT(Names("out"), UnorderedElementsAre("a"));
}

TEST_F(ExportFolderTest, TwoAtOnceAreNotMixed) {
  absl::StatusOr<ExportFolder> first = Begin(Path("out"));
  ASSERT_TRUE(first->Write("a", "bytes").ok());
  EXPECT_EQ(Begin(Path("out")).status().code(), absl::StatusCode::kAborted);
  ASSERT_TRUE(first->Finish().ok());
  EXPECT_EQ(folder_.Read("out/a"), "bytes");
}

TEST_F(ExportFolderTest, ADiskWithTooLittleRoomIsSaidBeforehand) {
  const absl::Status refused = Begin(Path("out"), uint64_t{1} << 60).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("needs 1152921504606.8 MB"));
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(ExportFolderTest, WhateverCallFailsNothingIsLeft) {
  for (int nth = 1;; ++nth) {
    FullFileSystem files(nth);
    const absl::Status failed = ExportOne(&files);
    if (!files.struck()) break;
    ASSERT_FALSE(failed.ok()) << nth;
    // The rename is the last but for the folder's fsync.
    const bool whole = Names() == std::set<std::string>{"out"} && folder_.Read("out/a") == "bytes";
    EXPECT_TRUE(Names().empty() || whole) << nth;
    fs::remove_all(Path("out"));
  }
}

TEST_F(ExportFolderTest, ACopyIsProvenByItsHash) {
  folder_.Write("source", "bytes");
  fs::create_symlink("source", Path("link"));
  absl::StatusOr<ExportFolder> made = Begin(Path("out"));
  EXPECT_TRUE(made->Copy(Path("link"), "good", Sha256Of("bytes")).ok());
  const absl::Status refused = made->Copy(Path("source"), "bad", Sha256Of("other"));
  EXPECT_EQ(refused.code(), absl::StatusCode::kDataLoss);
  ASSERT_TRUE(made->Finish().ok());
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(Path("out/good"))));
}

}  // namespace
}  // namespace strata
