// Goal: too few descriptors are said before anything is launched. Method: the process's own limit
// is lowered for a moment.
#include "coordinator/launch/open_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace strata {
namespace {

using testing::HasSubstr;

class OpenFilesTest : public testing::Test {
 protected:
  void SetUp() override { getrlimit(RLIMIT_NOFILE, &before_); }
  void TearDown() override { setrlimit(RLIMIT_NOFILE, &before_); }
  void Allow(uint64_t files) {
    const rlimit limit{files, before_.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  rlimit before_{};
};

TEST_F(OpenFilesTest, WhatIsNeededIsEnough) {
  Allow(OpenFilesNeeded(3));
  EXPECT_TRUE(CheckOpenFiles(3).ok());
  EXPECT_FALSE(CheckOpenFiles(4).ok());
}

TEST_F(OpenFilesTest, TooFewAreSaidWithTheNumbersAndWhatToDo) {
  Allow(32);
  const absl::Status few = CheckOpenFiles(2);
  EXPECT_EQ(few.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(few.message()),
              HasSubstr("only 32 files, and 72 are needed for 2 ranks"));
  EXPECT_THAT(std::string(few.message()), HasSubstr("ulimit -n 4096"));
}

}  // namespace
}  // namespace strata
