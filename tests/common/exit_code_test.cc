// Goal: a script that calls strata can tell whose fault a failure is. Method: every code of a
// Status, beside the sysexits number that the header promises.
#include "common/exit_code.h"

#include "gtest/gtest.h"

namespace strata {
namespace {

int ExitOf(absl::StatusCode code) {
  return static_cast<int>(ExitCodeOf(absl::Status(code, "why")));
}

TEST(ExitCodeTest, EveryStatusHasItsNumber) {
  using absl::StatusCode;
  EXPECT_EQ(ExitOf(StatusCode::kOk), 0);
  EXPECT_EQ(ExitOf(StatusCode::kInvalidArgument), 64);
  EXPECT_EQ(ExitOf(StatusCode::kDataLoss), 65);
  EXPECT_EQ(ExitOf(StatusCode::kOutOfRange), 65);
  EXPECT_EQ(ExitOf(StatusCode::kNotFound), 69);
  EXPECT_EQ(ExitOf(StatusCode::kUnavailable), 69);
  EXPECT_EQ(ExitOf(StatusCode::kPermissionDenied), 73);
  EXPECT_EQ(ExitOf(StatusCode::kResourceExhausted), 73);
  EXPECT_EQ(ExitOf(StatusCode::kAlreadyExists), 73);
  EXPECT_EQ(ExitOf(StatusCode::kAborted), 75);
  EXPECT_EQ(ExitOf(StatusCode::kCancelled), 75);
  EXPECT_EQ(ExitOf(StatusCode::kFailedPrecondition), 78);
}

TEST(ExitCodeTest, WhatNobodyExpectedIsOurBug) {
  for (const auto code : {absl::StatusCode::kInternal, absl::StatusCode::kUnknown,
                          absl::StatusCode::kUnimplemented, absl::StatusCode::kDeadlineExceeded,
                          absl::StatusCode::kUnauthenticated, static_cast<absl::StatusCode>(99)})
    EXPECT_EQ(ExitOf(code), 70) << static_cast<int>(code);
}

}  // namespace
}  // namespace strata
