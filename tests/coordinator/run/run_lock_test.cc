// Goal: runs are named so that their names sort as they began, and one at a time holds a branch.
#include "coordinator/run/run_lock.h"

#include <chrono>

#include "gtest/gtest.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

using std::chrono::microseconds;
using std::chrono::system_clock;

// 2025-10-31T10:40:42Z and `later`.
RunId At(microseconds later) {
  return NewRunId(system_clock::time_point(std::chrono::seconds(1761907242)) + later);
}

TEST(RunIdTest, SaysWhenTheRunBegan) {
  EXPECT_EQ(At(microseconds(0)).value(), "20251031-104042-0000");
  EXPECT_EQ(At(microseconds(500'000)).value(), "20251031-104042-8000");
  EXPECT_EQ(At(microseconds(999'999)).value(), "20251031-104042-ffff");
  EXPECT_EQ(At(microseconds(1'000'000)).value(), "20251031-104043-0000");
}

TEST(RunIdTest, SortsAsRunsBegin) {
  for (microseconds at(0); at < microseconds(2'000'000); at += microseconds(937))
    ASSERT_LT(At(at).value(), At(at + microseconds(16)).value()) << at.count();
}

TEST(RunLockTest, OneAtATimeHoldsABranch) {
  Folder folder;
  Config config;
  config.branch = folder.path();
  absl::StatusOr<FileLock> held = HoldForRun(config);
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_EQ(HoldForRun(config).status().code(), absl::StatusCode::kAborted);
  held = absl::CancelledError();
  EXPECT_TRUE(HoldForRun(config).ok());
}

}  // namespace
}  // namespace strata
