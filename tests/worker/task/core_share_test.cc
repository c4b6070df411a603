// Goal: the ranks of a host compute on cores of their own, whatever bound them before. Method:
// hosts that are written down.
#include "worker/task/core_share.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<int> UpTo(int cpus) {
  std::vector<int> all;
  for (int cpu = 0; cpu < cpus; ++cpu) all.push_back(cpu);
  return all;
}

// Each cpu a core of its own; `per_socket` of them on a socket.
std::vector<CpuSeat> Cores(int cpus, int per_socket) {
  std::vector<CpuSeat> seats;
  for (int cpu = 0; cpu < cpus; ++cpu) seats.push_back({cpu, cpu, cpu / per_socket});
  return seats;
}

TEST(CoreShareTest, ARankAloneKeepsAll) {
  const CoreShare share = ShareOf({UpTo(4)}, 0, Cores(4, 4));
  EXPECT_THAT(share.cpus, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(share.threads, 4);
  EXPECT_TRUE(share.own);
}

TEST(CoreShareTest, SharesAreEqualAndCoverTheHost) {
  std::vector<int> covered;
  for (int rank = 0; rank < 3; ++rank) {
    const CoreShare share = ShareOf({UpTo(8), UpTo(8), UpTo(8)}, rank, Cores(8, 4));
    EXPECT_TRUE(share.own);
    EXPECT_GE(share.threads, 2);
    covered.insert(covered.end(), share.cpus.begin(), share.cpus.end());
  }
  EXPECT_EQ(covered, UpTo(8));
}

TEST(CoreShareTest, HardwareThreadsOfACoreStayTogether) {
  // As Linux numbers them: 0-3 are the first threads of four cores, 4-7 the second.
  std::vector<CpuSeat> seats;
  for (int cpu = 0; cpu < 8; ++cpu) seats.push_back({cpu, cpu % 4, 0});
  EXPECT_THAT(ShareOf({UpTo(8), UpTo(8)}, 0, seats).cpus, ElementsAre(0, 1, 4, 5));
  EXPECT_THAT(ShareOf({UpTo(8), UpTo(8)}, 1, seats).cpus, ElementsAre(2, 3, 6, 7));
}

TEST(CoreShareTest, CoresOfOneNumberOnTwoSocketsAreTwo) {
  const std::vector<CpuSeat> seats = {{0, 0, 0}, {1, 0, 1}, {2, 1, 0}, {3, 1, 1}};
  EXPECT_THAT(ShareOf({UpTo(4), UpTo(4)}, 0, seats).cpus, ElementsAre(0, 2));
  EXPECT_THAT(ShareOf({UpTo(4), UpTo(4)}, 1, seats).cpus, ElementsAre(1, 3));
}

TEST(CoreShareTest, WithMoreRanksThanCoresHardwareThreadsAreShared) {
  const std::vector<CpuSeat> seats = {{0, 0, 0}, {1, 0, 0}};
  EXPECT_THAT(ShareOf({UpTo(2), UpTo(2)}, 1, seats).cpus, ElementsAre(1));
}

TEST(CoreShareTest, WithMoreRanksThanCpusTheyStayShared) {
  const CoreShare share = ShareOf({UpTo(2), UpTo(2), UpTo(2)}, 2, Cores(2, 2));
  EXPECT_THAT(share.cpus, ElementsAre(0, 1));
  EXPECT_FALSE(share.own);
  EXPECT_EQ(share.threads, 1);
}

TEST(CoreShareTest, RanksThatWereBoundKeepWhatTheyHave) {
  EXPECT_THAT(ShareOf({{0, 1}, {2, 3}}, 1, {{2, 2, 0}, {3, 3, 0}}).cpus, ElementsAre(2, 3));
  // Two ranks near one GPU socket, one near the other.
  EXPECT_THAT(ShareOf({{0, 1}, {2, 3}, {0, 1}}, 2, Cores(2, 2)).cpus, ElementsAre(1));
}

TEST(CoreShareTest, CpusInCommonOfDifferentSetsBelongToNone) {
  const std::vector<std::vector<int>> allowed = {{0, 1}, {0, 1, 2, 3}, {4, 5}};
  const CoreShare near = ShareOf(allowed, 0, Cores(2, 2));
  EXPECT_THAT(near.cpus, ElementsAre(0, 1));
  EXPECT_FALSE(near.own);
  EXPECT_EQ(near.threads, 1);
  EXPECT_EQ(ShareOf(allowed, 1, Cores(4, 2)).threads, 2);
  EXPECT_TRUE(ShareOf(allowed, 2, Cores(2, 2)).own);
}

TEST(CoreShareTest, ThreadsKeepToWhatSlurmAllots) {
  const CoreShare share{.cpus = {0, 1, 2, 3}, .own = true, .threads = 4};
  EXPECT_EQ(ThreadsWithin(share, 0, 1), 4);
  EXPECT_EQ(ThreadsWithin(share, 8, 1), 4);
  EXPECT_EQ(ThreadsWithin(share, 6, 2), 3);
  EXPECT_EQ(ThreadsWithin(share, 1, 2), 1);
}

TEST(CoreShareTest, SeatsOfThisMachineAreRead) {
  const std::vector<CpuSeat> seats = ReadSeats({0, 99'999});
  ASSERT_EQ(seats.size(), 2u);
  EXPECT_EQ(seats[0].cpu, 0);
  EXPECT_NE(seats[0].core, seats[1].core);
}

TEST(CpuListTest, IsWrittenAndReadAsLinuxDoes) {
  EXPECT_EQ(CpuListText({0, 1, 2, 3, 8, 10, 11}), "0-3,8,10-11");
  EXPECT_THAT(CpuListOf("0-3,8,10-11"), ElementsAre(0, 1, 2, 3, 8, 10, 11));
  EXPECT_EQ(CpuListText({}), "");
  EXPECT_THAT(CpuListOf(""), IsEmpty());
}

TEST(CpuListTest, WhatIsNoNumberEndsIt) {
  EXPECT_THAT(CpuListOf("0,x,3"), ElementsAre(0));
  EXPECT_THAT(CpuListOf("1-"), IsEmpty());
  EXPECT_THAT(CpuListOf("0-99999999"), IsEmpty());
}

}  // namespace
}  // namespace strata
