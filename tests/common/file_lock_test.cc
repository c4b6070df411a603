// Goal: one process at a time holds a lock, and its end frees it however it comes. Method: children
// that hold a lock, are killed, or are started while it is held.
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "common/posix_file.h"
#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class FileLockTest : public testing::Test {
 protected:
  absl::StatusOr<FileLock> Try() const { return FileLock::TryAcquire(path()); }
  std::filesystem::path path() const { return folder_.path() / "lock"; }
  // A process that holds the lock until it is killed.
  pid_t HolderProcess() const {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
      const absl::StatusOr<FileLock> lock = Try();
      const ssize_t told = write(ready[1], lock.ok() ? "y" : "n", 1);
      if (told == 1) pause();
      _exit(1);
    }
    char held = 'n';
    EXPECT_EQ(read(ready[0], &held, 1), 1);
    EXPECT_EQ(held, 'y');
    close(ready[0]);
    close(ready[1]);
    return child;
  }
  static void Kill(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }

  Folder folder_;
};

TEST_F(FileLockTest, AnotherProcessKeepsItUntilItIsKilled) {
  const pid_t holder = HolderProcess();
  const absl::Status held = Try().status();
  EXPECT_TRUE(absl::IsAborted(held)) << held;
  EXPECT_THAT(std::string(held.message()), HasSubstr("held by another process"));
  Kill(holder);
  EXPECT_TRUE(Try().ok());
}

TEST_F(FileLockTest, WaitingEndsWithTheTimeout) {
  const pid_t holder = HolderProcess();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(absl::IsAborted(FileLock::Acquire(path(), milliseconds(60)).status()));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(60));
  Kill(holder);
}

TEST_F(FileLockTest, WaitingEndsWhenTheHolderDies) {
  const pid_t holder = HolderProcess();
  std::thread killer([&] {
    std::this_thread::sleep_for(milliseconds(50));
    Kill(holder);
  });
  EXPECT_TRUE(FileLock::Acquire(path(), std::chrono::minutes(1)).ok());
  killer.join();
}

TEST_F(FileLockTest, AProgramStartedMeanwhileDoesNotInheritIt) {
  pid_t child = 0;
  {
    const absl::StatusOr<FileLock> lock = Try();
    ASSERT_TRUE(lock.ok());
    char name[] = "sleep", seconds[] = "60";
    char* arguments[] = {name, seconds, nullptr};
    ASSERT_EQ(posix_spawnp(&child, name, nullptr, nullptr, arguments, environ), 0);
  }
  EXPECT_TRUE(Try().ok());
  Kill(child);
}

TEST_F(FileLockTest, AMovedLockIsHeldByItsNewOwnerAlone) {
  absl::StatusOr<FileLock> first = Try();
  ASSERT_TRUE(first.ok());
  {
    const FileLock second = *std::move(first);
    first = absl::CancelledError("moved from");
    EXPECT_TRUE(absl::IsAborted(Try().status()));
  }
  EXPECT_TRUE(Try().ok());
}

TEST_F(FileLockTest, ALockThatCannotBeOpenedIsNotTakenForHeld) {
  EXPECT_TRUE(absl::IsNotFound(FileLock::TryAcquire(folder_.path() / "none/lock").status()));
  std::filesystem::create_symlink("elsewhere", path());
  EXPECT_TRUE(absl::IsAlreadyExists(FileLock::Acquire(path(), std::chrono::minutes(1)).status()));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "elsewhere"));
}

}  // namespace
}  // namespace strata
