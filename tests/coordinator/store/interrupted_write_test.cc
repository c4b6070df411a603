// Goal: a system call that is interrupted, or writes less than it was asked to, costs no byte of a
// commit or of a repair. Method: write(2) of this program is replaced by one that does both.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;

const BranchStore::Time kNow = std::chrono::system_clock::from_time_t(1761990000);

bool meddles = false;
uint64_t interrupted = 0, shortened = 0;

class InterruptedWriteTest : public TrainedBranch {
 protected:
  void SetUp() override {
    TrainedBranch::SetUp();
    meddles = true;
  }
  void TearDown() override {
    meddles = false;
    TrainedBranch::TearDown();
  }
};

TEST_F(InterruptedWriteTest, CommitsAndRepairsLoseNothing) {
  interrupted = shortened = 0;
  CommitRuns(3);
  DamageVersion("v0002");
  fs::remove(LedgerFile());
  ASSERT_TRUE(Open().Repair(kNow).ok());
  EXPECT_EQ(ValueBehind("current"), 3);
  EXPECT_EQ(ValueBehind("previous"), 2);
  EXPECT_THAT(*Open().Verify(), IsEmpty());
  EXPECT_GT(interrupted, 20u);
  EXPECT_GT(shortened, 20u);
}

}  // namespace
}  // namespace strata

extern "C" ssize_t write(int descriptor, const void* bytes, size_t count) {
  static int calls = 0;
  if (strata::meddles && descriptor > 2) {
    ++calls;
    if (calls % 3 == 1) {
      ++strata::interrupted;
      errno = EINTR;
      return -1;
    }
    if (calls % 3 == 2 && count > 1) {
      ++strata::shortened;
      count = count / 2;
    }
  }
  return syscall(SYS_write, descriptor, bytes, count);
}
