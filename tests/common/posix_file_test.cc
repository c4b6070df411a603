// Goal: what was reported done is on the disk, and a failure leaves the old file or the new one.
// Method: a FileSystem that writes down its system calls, and fails or ends the process at its Nth.
#include "common/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <set>

#include "gmock/gmock.h"
#include "tests/common/file_size_limit.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;

enum class Fault { kNone, kOnce, kFromThenOn, kKill };

class FaultyFileSystem : public FileSystem {
 public:
  explicit FaultyFileSystem(int nth = 0, Fault fault = Fault::kNone) : left_(nth), fault_(fault) {}
  bool struck() const { return fault_ != Fault::kNone && left_ <= 0; }
  const std::vector<std::string>& calls() const { return calls_; }

 protected:
  absl::Status Before(std::string_view operation, const fs::path& path) override {
    calls_.push_back(std::string(operation) + " " + path.filename().string());
    --left_;
    if (!struck() || (left_ < 0 && fault_ != Fault::kFromThenOn)) return absl::OkStatus();
    if (fault_ == Fault::kKill) _exit(1);
    return absl::ResourceExhaustedError("no space left on device");
  }

 private:
  int left_;
  Fault fault_;
  std::vector<std::string> calls_;
};

class PosixFileTest : public testing::Test {
 protected:
  fs::path Path(const std::string& name) const { return folder_.path() / name; }
  std::set<std::string> Names(const std::string& folder = ".") const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(Path(folder)))
      names.insert(entry.path().filename().string());
    return names;
  }
  static mode_t ModeOf(const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(stat(path.c_str(), &status), 0);
    return status.st_mode & 0777;
  }

  Folder folder_;
  FaultyFileSystem files_;
};

TEST_F(PosixFileTest, ANewFileIsSyncedBeforeItIsReported) {
  ASSERT_TRUE(files_.WriteFileDurably(Path("a"), "bytes").ok());
  EXPECT_EQ(folder_.Read("a"), "bytes");
  EXPECT_THAT(files_.calls(), ElementsAre("create a", "write a", "fsync a", "close a"));
}

TEST_F(PosixFileTest, AFileThatExistsIsNeverWrittenOver) {
  folder_.Write("a", "old");
  fs::create_symlink("nowhere", Path("link"));
  EXPECT_TRUE(absl::IsAlreadyExists(files_.WriteFileDurably(Path("a"), "new")));
  EXPECT_TRUE(absl::IsAlreadyExists(files_.WriteFileDurably(Path("link"), "new")));
  EXPECT_EQ(folder_.Read("a"), "old");
  EXPECT_FALSE(fs::exists(Path("nowhere")));
}

TEST_F(PosixFileTest, FilesHaveTheModeThatTheUmaskLeaves) {
  const mode_t before = umask(0077);
  ASSERT_TRUE(files_.WriteFileDurably(Path("own"), "").ok());
  ASSERT_TRUE(files_.CreateDirectories(Path("own folder")).ok());
  umask(0002);
  ASSERT_TRUE(files_.WriteFileDurably(Path("shared"), "").ok());
  umask(before);
  EXPECT_EQ(ModeOf(Path("own")), 0600u);
  EXPECT_EQ(ModeOf(Path("own folder")), 0700u);
  EXPECT_EQ(ModeOf(Path("shared")), 0644u);
}

TEST_F(PosixFileTest, ErrorsSayWhatAndWhere) {
  const absl::Status missing = files_.WriteFileDurably(Path("none/a"), "");
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_THAT(std::string(missing.message()), HasSubstr(Path("none/a").string()));
  folder_.Write("a", "");
  EXPECT_TRUE(absl::IsNotFound(files_.WriteFileDurably(Path("a/b"), "")));
  const absl::Status full = files_.AppendDurably("/dev/full", "x");
  EXPECT_TRUE(absl::IsResourceExhausted(full));
  EXPECT_THAT(std::string(full.message()), HasSubstr("cannot write /dev/full"));
}

TEST_F(PosixFileTest, TwoFoldersChangeNamesAtOnceOrNotAtAll) {
  folder_.Write("a/of a", "");
  folder_.Write("b/of b", "");
  ASSERT_TRUE(files_.Exchange(Path("a"), Path("b")).ok());
  EXPECT_THAT(Names("a"), ElementsAre("of b"));
  EXPECT_THAT(Names("b"), ElementsAre("of a"));
  EXPECT_EQ(files_.calls().front(), "exchange b");
  EXPECT_EQ(files_.calls().back(), "fsync " + Path("").parent_path().filename().string());
  EXPECT_TRUE(absl::IsNotFound(files_.Exchange(Path("a"), Path("c"))));
  EXPECT_THAT(Names("a"), ElementsAre("of b"));
}

TEST_F(PosixFileTest, TheTimeOfChangeIsThatOfTheContent) {
  const fs::path file = folder_.Write("a", "");
  const timespec times[2] = {{5, 0}, {1761907242, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  EXPECT_EQ(*TimeOfChange(file), std::chrono::system_clock::from_time_t(1761907242));
  EXPECT_TRUE(absl::IsNotFound(TimeOfChange(Path("none")).status()));
}

TEST_F(PosixFileTest, AReplacedFileIsSyncedBeforeItIsRenamedAndItsFolderAfter) {
  folder_.Write("a", "old");
  ASSERT_TRUE(files_.ReplaceFileDurably(Path("a"), "new").ok());
  EXPECT_EQ(folder_.Read("a"), "new");
  const std::string fresh = "a." + std::to_string(getpid()) + ".new";
  EXPECT_THAT(files_.calls(),
              ElementsAre("create " + fresh, "write " + fresh, "fsync " + fresh, "close " + fresh,
                          "rename a", "fsync " + Path("").parent_path().filename().string()));
}

TEST_F(PosixFileTest, AFailedReplaceLeavesTheOldFileAndNothingBeside) {
  bool struck = true;
  for (int nth = 1; struck; ++nth) {
    folder_.Write("a", "old");
    FaultyFileSystem files(nth, Fault::kOnce);
    const absl::Status replaced = files.ReplaceFileDurably(Path("a"), "new");
    struck = files.struck();
    EXPECT_EQ(replaced.ok(), !struck) << "call " << nth;
    // The last call syncs the folder: the rename is made by then.
    EXPECT_EQ(folder_.Read("a"), nth < 6 ? "old" : "new") << "call " << nth;
    EXPECT_THAT(Names(), ElementsAre("a")) << "call " << nth;
  }
}

TEST_F(PosixFileTest, AReplaceAfterADeadDiskClearsWhatItLeft) {
  for (int nth = 1; nth <= 6; ++nth) {
    folder_.Write("a", "old");
    FaultyFileSystem dead(nth, Fault::kFromThenOn);
    EXPECT_TRUE(absl::IsResourceExhausted(dead.ReplaceFileDurably(Path("a"), "new")));
    EXPECT_THAT(folder_.Read("a"), AnyOf("old", "new"));
    EXPECT_TRUE(files_.ReplaceFileDurably(Path("a"), "newer").ok());
    EXPECT_EQ(folder_.Read("a"), "newer");
    EXPECT_THAT(Names(), ElementsAre("a"));
  }
}

TEST_F(PosixFileTest, AKilledReplaceShowsTheOldFileOrTheNew) {
  for (int nth = 1; nth <= 7; ++nth) {
    folder_.Write("a", "old");
    const pid_t child = fork();
    if (child == 0) {
      FaultyFileSystem dying(nth, Fault::kKill);
      _exit(dying.ReplaceFileDurably(Path("a"), "new").ok() ? 0 : 2);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), nth <= 6 ? 1 : 0) << "call " << nth;
    EXPECT_EQ(folder_.Read("a"), nth < 6 ? "old" : "new") << "call " << nth;
  }
}

TEST_F(PosixFileTest, AShortWriteIsNotTakenForAWholeOne) {
  folder_.Write("a", "old");
  const FileSizeLimit limit(10);
  const std::string bytes(100, 'x');
  EXPECT_TRUE(absl::IsResourceExhausted(files_.ReplaceFileDurably(Path("a"), bytes)));
  EXPECT_THAT(Names(), ElementsAre("a"));
  EXPECT_EQ(folder_.Read("a"), "old");
  EXPECT_TRUE(absl::IsResourceExhausted(files_.WriteFileDurably(Path("b"), bytes)));
  EXPECT_EQ(folder_.Read("b"), std::string(10, 'x'));  // cut short, as the header says
}

TEST_F(PosixFileTest, AFileInPiecesIsSyncedOnceWhole) {
  std::vector<std::string> pieces = {"by", "tes", "", "never asked for"};
  size_t next = 0;
  ASSERT_TRUE(
      files_.WritePiecesDurably(Path("a"), [&] { return std::string_view(pieces[next++]); }).ok());
  EXPECT_EQ(folder_.Read("a"), "bytes");
  EXPECT_THAT(files_.calls(), ElementsAre("create a", "write a", "write a", "fsync a", "close a"));
}

TEST_F(PosixFileTest, APieceThatCannotBeMadeEndsTheFile) {
  int asked = 0;
  const auto next = [&]() -> absl::StatusOr<std::string_view> {
    if (++asked < 2) return "piece";
    return absl::DataLossError("the second");
  };
  EXPECT_TRUE(absl::IsDataLoss(files_.WritePiecesDurably(Path("a"), next)));
  EXPECT_THAT(files_.calls(), ElementsAre("create a", "write a"));
  EXPECT_TRUE(absl::IsAlreadyExists(files_.WritePiecesDurably(Path("a"), next)));
}

TEST_F(PosixFileTest, ACopyOfOneFileFollowsNoLinkAndReplacesNothing) {
  folder_.Write("a", "bytes");
  fs::create_symlink("a", Path("link"));
  EXPECT_TRUE(files_.CopyFileDurably(Path("a"), Path("b")).ok());
  EXPECT_EQ(folder_.Read("b"), "bytes");
  EXPECT_TRUE(absl::IsAlreadyExists(files_.CopyFileDurably(Path("a"), Path("b"))));
  EXPECT_FALSE(files_.CopyFileDurably(Path("link"), Path("c")).ok());
  EXPECT_TRUE(absl::IsNotFound(files_.CopyFileDurably(Path("none"), Path("c"))));
  EXPECT_THAT(Names(), ElementsAre("a", "b", "link"));
}

TEST_F(PosixFileTest, AppendAddsAndSyncsTheFolderOfANewFile) {
  ASSERT_TRUE(files_.AppendDurably(Path("log"), "1\n").ok());
  const std::string folder = folder_.path().filename().string();
  EXPECT_THAT(files_.calls(),
              ElementsAre("create log", "write log", "fsync log", "close log", "fsync " + folder));
  ASSERT_TRUE(files_.AppendDurably(Path("log"), "2\n").ok());
  EXPECT_EQ(folder_.Read("log"), "1\n2\n");
  EXPECT_EQ(files_.calls().size(), 9u);
}

TEST_F(PosixFileTest, AppendAndTruncateWriteNothingWhereAnotherHasWritten) {
  folder_.Write("log", "1\n2\n");
  const FileEnd known{4, "2\n"}, shorter{2, "1\n"}, other{4, "3\n"}, none;
  for (const FileEnd* end : {&shorter, &other, &none}) {
    EXPECT_TRUE(absl::IsAborted(files_.AppendDurably(Path("log"), "3\n", end)));
    EXPECT_TRUE(absl::IsAborted(files_.TruncateDurably(Path("log"), 0, end)));
  }
  EXPECT_EQ(folder_.Read("log"), "1\n2\n");
  EXPECT_TRUE(files_.AppendDurably(Path("log"), "3\n", &known).ok());
  EXPECT_EQ(folder_.Read("log"), "1\n2\n3\n");
  EXPECT_TRUE(absl::IsNotFound(files_.AppendDurably(Path("gone"), "3\n", &known)));
  EXPECT_FALSE(fs::exists(Path("gone")));
}

TEST_F(PosixFileTest, FsyncFileMakesTheFileAndItsNameDurable) {
  folder_.Write("log", "1");
  ASSERT_TRUE(files_.FsyncFile(Path("log")).ok());
  EXPECT_THAT(files_.calls(),
              ElementsAre("fsync log", "close log", "fsync " + folder_.path().filename().string()));
  EXPECT_TRUE(absl::IsNotFound(files_.FsyncFile(Path("none"))));
}

TEST_F(PosixFileTest, AppendAndTruncateFollowNoLink) {
  folder_.Write("a", "old");
  fs::create_symlink("a", Path("link"));
  EXPECT_TRUE(absl::IsAlreadyExists(files_.AppendDurably(Path("link"), "new")));
  EXPECT_TRUE(absl::IsAlreadyExists(files_.TruncateDurably(Path("link"), 0)));
  EXPECT_EQ(folder_.Read("a"), "old");
}

TEST_F(PosixFileTest, TruncateCutsAndAFailedOneDoesNot) {
  folder_.Write("log", "1\n2\n3");
  FaultyFileSystem failing(1, Fault::kOnce);
  EXPECT_FALSE(failing.TruncateDurably(Path("log"), 4).ok());
  EXPECT_EQ(folder_.Read("log"), "1\n2\n3");
  EXPECT_TRUE(files_.TruncateDurably(Path("log"), 4).ok());
  EXPECT_EQ(folder_.Read("log"), "1\n2\n");
  EXPECT_TRUE(absl::IsNotFound(files_.TruncateDurably(Path("none"), 0)));
}

TEST_F(PosixFileTest, RemoveTreeRemovesLinksAndNotWhatTheyPointAt) {
  fs::create_directories(Path("tree/inner"));
  folder_.Write("tree/inner/a", "");
  folder_.Write("kept", "");
  fs::create_symlink("../kept", Path("tree/link"));
  fs::create_symlink("nowhere", Path("tree/dangling"));
  fs::create_directory_symlink(".", Path("tree/loop"));
  EXPECT_TRUE(files_.RemoveTree(Path("tree")).ok());
  EXPECT_TRUE(files_.RemoveTree(Path("tree")).ok());
  EXPECT_THAT(Names(), ElementsAre("kept"));
}

TEST_F(PosixFileTest, CopyTreeLeavesOutLinksAndSpecialFiles) {
  fs::create_directories(Path("from/inner"));
  folder_.Write("from/empty", "");
  folder_.Write("from/large", std::string((2 << 20) + 1, 'x'));
  folder_.Write("from/inner/a", "bytes");
  fs::create_symlink("empty", Path("from/link"));
  fs::create_directory_symlink("..", Path("from/up"));
  ASSERT_EQ(mkfifo(Path("from/pipe").c_str(), 0600), 0);
  ASSERT_TRUE(files_.CopyTreeDurably(Path("from"), Path("to")).ok());
  EXPECT_THAT(Names("to"), ElementsAre("empty", "inner", "large"));
  EXPECT_EQ(folder_.Read("to/empty"), "");
  EXPECT_EQ(folder_.Read("to/large"), folder_.Read("from/large"));
  EXPECT_EQ(folder_.Read("to/inner/a"), "bytes");
}

TEST_F(PosixFileTest, ACopyHasTheTimeOfTheOriginal) {
  fs::create_directory(Path("from"));
  const fs::path original = folder_.Write("from/a", "bytes");
  fs::last_write_time(original, fs::last_write_time(original) - std::chrono::hours(24));
  ASSERT_TRUE(files_.CopyTreeDurably(Path("from"), Path("to")).ok());
  EXPECT_EQ(fs::last_write_time(Path("to/a")), fs::last_write_time(original));
  EXPECT_FALSE(ChangedAfter(Path("to/a"), original));
  EXPECT_TRUE(ChangedAfter(folder_.Write("later", ""), original));
  EXPECT_FALSE(ChangedAfter(Path("none"), original));
}

TEST_F(PosixFileTest, EachCallOfACopyCanBeStruck) {
  fs::create_directory(Path("from"));
  folder_.Write("from/a", "bytes");
  ASSERT_TRUE(files_.CopyTreeDurably(Path("from"), Path("to")).ok());
  std::vector<std::string> calls = files_.calls();
  std::erase(calls, "write a");  // none where the file system clones
  EXPECT_THAT(calls, ElementsAre("mkdir to", "create a", "clone a", "date a", "fsync a", "close a",
                                 "fsync to"));
}

TEST_F(PosixFileTest, ACopyNeverMergesAndReportsEveryFailedCall) {
  fs::create_directories(Path("from/inner"));
  folder_.Write("from/inner/a", "bytes");
  bool struck = true;
  for (int nth = 1; struck; ++nth) {
    FaultyFileSystem files(nth, Fault::kOnce);
    const absl::Status copied = files.CopyTreeDurably(Path("from"), Path("to"));
    struck = files.struck();
    EXPECT_EQ(copied.ok(), !struck) << "call " << nth << ": " << copied;
    if (struck) fs::remove_all(Path("to"));
  }
  EXPECT_TRUE(absl::IsAlreadyExists(files_.CopyTreeDurably(Path("from"), Path("to"))));
  EXPECT_TRUE(absl::IsNotFound(files_.CopyTreeDurably(Path("none"), Path("other"))));
}

TEST_F(PosixFileTest, ALinkIsPointedElsewhereAtOnce) {
  for (int nth = 1; nth <= 4; ++nth) {
    ASSERT_TRUE(files_.ReplaceSymlink(Path("current"), "v1").ok());
    FaultyFileSystem files(nth, Fault::kOnce);
    const bool replaced = files.ReplaceSymlink(Path("current"), "v2").ok();
    EXPECT_EQ(replaced, nth == 4);
    EXPECT_EQ(fs::read_symlink(Path("current")), nth <= 2 ? "v1" : "v2") << "call " << nth;
  }
  ASSERT_TRUE(files_.ReplaceSymlink(Path("current"), "v3").ok());
  EXPECT_THAT(Names(), ElementsAre("current"));
}

TEST_F(PosixFileTest, AFolderIsNeverReplacedByALink) {
  fs::create_directory(Path("current"));
  folder_.Write("current/a", "");
  EXPECT_FALSE(files_.ReplaceSymlink(Path("current"), "v1").ok());
  EXPECT_TRUE(fs::exists(Path("current/a")));
}

TEST_F(PosixFileTest, CreateDirectoriesMakesTheWholeWay) {
  EXPECT_TRUE(files_.CreateDirectories(Path("a/b/c/")).ok());
  EXPECT_TRUE(fs::is_directory(Path("a/b/c")));
  const size_t calls = files_.calls().size();
  EXPECT_TRUE(files_.CreateDirectories(Path("a/b/c")).ok());
  EXPECT_EQ(files_.calls().size(), calls);
}

TEST_F(PosixFileTest, CreateDirectoriesSeesWhatIsNoFolder) {
  folder_.Write("file", "");
  fs::create_symlink("nowhere", Path("link"));
  EXPECT_TRUE(absl::IsAlreadyExists(files_.CreateDirectories(Path("file"))));
  EXPECT_TRUE(absl::IsAlreadyExists(files_.CreateDirectories(Path("link"))));
  EXPECT_FALSE(files_.CreateDirectories(Path("file/b")).ok());
}

TEST_F(PosixFileTest, AFailedRenameKeepsBoth) {
  folder_.Write("a", "1");
  folder_.Write("b", "2");
  FaultyFileSystem failing(1, Fault::kOnce);
  EXPECT_FALSE(failing.Rename(Path("a"), Path("b")).ok());
  EXPECT_EQ(folder_.Read("a") + folder_.Read("b"), "12");
  EXPECT_TRUE(absl::IsNotFound(files_.Rename(Path("none"), Path("b"))));
  EXPECT_TRUE(files_.Rename(Path("a"), Path("b")).ok());
  EXPECT_EQ(folder_.Read("b"), "1");
}

TEST_F(PosixFileTest, ReadFileIsBounded) {
  const fs::path file = folder_.Write("a", std::string("12\0"
                                                       "45",
                                                       5));
  EXPECT_EQ(ReadFile(file, 5).value().size(), 5u);
  const absl::Status large = ReadFile(file, 4).status();
  EXPECT_EQ(large.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(large.message()), HasSubstr("has 5 bytes; at most 4"));
}

TEST_F(PosixFileTest, ReadFileReadsOnlyFilesAndWaitsForNobody) {
  EXPECT_TRUE(absl::IsNotFound(ReadFile(Path("none"), 10).status()));
  EXPECT_TRUE(absl::IsUnavailable(ReadFile(folder_.path(), 10).status()));
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  alarm(10);  // a reader that waits for the pipe's writer ends the test
  EXPECT_TRUE(absl::IsUnavailable(ReadFile(Path("pipe"), 10).status()));
  alarm(0);
}

}  // namespace
}  // namespace strata
