// Goal: too little room for threads is said before anything is launched. With real limits of
// memory and of threads: tests/system/limits_test.py.
#include "coordinator/launch/thread_room.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace strata {
namespace {

using testing::HasSubstr;

TEST(ThreadRoomTest, ThisMachineHasIt) { EXPECT_TRUE(CheckThreadRoom().ok()); }

TEST(ThreadRoomTest, TooLittleAddressSpaceIsSaidWithTheNumbersAndWhatToDo) {
  const absl::Status little = JudgeAddressSpace(uint64_t{1} << 30, 2);
  EXPECT_EQ(little.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(little.message()), HasSubstr("only 1024 MiB"));
  EXPECT_THAT(std::string(little.message()), HasSubstr("ulimit -v"));
}

TEST(ThreadRoomTest, WhatIsNeededGrowsWithTheCores) {
  EXPECT_TRUE(JudgeAddressSpace(uint64_t{2} << 30, 2).ok());
  EXPECT_FALSE(JudgeAddressSpace(uint64_t{2} << 30, 64).ok());
}

}  // namespace
}  // namespace strata
