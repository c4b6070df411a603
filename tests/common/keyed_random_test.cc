// Goal: the random bits are Philox4x32-10's, on every machine. Method: the known answers that its
// authors publish (Random123, tests/kat_vectors).
#include "common/keyed_random.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata {
namespace {

using testing::ElementsAre;

TEST(KeyedRandomTest, GivesTheAuthorsKnownAnswers) {
  EXPECT_THAT(Philox({0, 0, 0, 0}, {0, 0}),
              ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  EXPECT_THAT(Philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
              ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  EXPECT_THAT(Philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

TEST(KeyedRandomTest, MixedKeysDependOnEachPartAndOnTheirOrder) {
  std::set<uint64_t> keys;
  for (uint64_t a = 0; a < 100; ++a) {
    for (uint64_t b = 0; b < 100; ++b) keys.insert(MixKey(MixKey(0, a), b));
  }
  EXPECT_EQ(keys.size(), 10000u);
}

TEST(KeyedRandomTest, UnitFloatIsBelowOne) {
  EXPECT_EQ(UnitFloat(0), 0.0f);
  EXPECT_LT(UnitFloat(0xffffffff), 1.0f);
  EXPECT_EQ(UnitFloat(0x80000000), 0.5f);
}

}  // namespace
}  // namespace strata
