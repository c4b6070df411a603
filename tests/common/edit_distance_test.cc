// Goal: the nearest name is the one a person meant. Method: one case for each kind of slip.
#include "common/edit_distance.h"

#include "gtest/gtest.h"

namespace strata {
namespace {

TEST(EditDistanceTest, EachSlipCountsOnce) {
  EXPECT_EQ(EditDistance("lora_r", "lora_r"), 0u);
  EXPECT_EQ(EditDistance("lora", "lora_r"), 2u);  // inserted
  EXPECT_EQ(EditDistance("lora_rr", "lora_r"), 1u);
  EXPECT_EQ(EditDistance("lora_x", "lora_r"), 1u);
  EXPECT_EQ(EditDistance("trian", "train"), 1u);  // swapped
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
}

TEST(EditDistanceTest, NothingIsAsFarAsItsLength) {
  EXPECT_EQ(EditDistance("", ""), 0u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("abc", ""), 3u);
}

TEST(EditDistanceTest, IsTheSameFromBothSides) {
  const std::string_view names[] = {"ca", "abc", "premium.jsonl", "train_improved.jsonl", "ñ"};
  for (const auto a : names)
    for (const auto b : names) EXPECT_EQ(EditDistance(a, b), EditDistance(b, a)) << a << " " << b;
  EXPECT_EQ(EditDistance("ca", "abc"), 3u);  // no byte is changed twice
}

}  // namespace
}  // namespace strata
