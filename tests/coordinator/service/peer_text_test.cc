// Goal: nothing that a peer writes steers a terminal or fills a journal.
#include "coordinator/service/peer_text.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

TEST(PeerTextTest, LeavesWordsAsTheyAre) {
  EXPECT_EQ(PeerText("", 9), "");
  EXPECT_EQ(PeerText("out of memory:\n\tGPU 0, ñandú …", 4096), "out of memory:\n\tGPU 0, ñandú …");
  EXPECT_EQ(PeerText("exactly", 7), "exactly");
}

TEST(PeerTextTest, ControlCharactersAreSpaces) {
  EXPECT_EQ(PeerText("a\x1b[2Jb\rc\x07\x7f", 99), "a [2Jb c  ");
  EXPECT_EQ(PeerText(std::string("a\0b", 3), 99), "a b");
  EXPECT_EQ(PeerText("\xc2\x9b"
                     "31m\xc2\xa0x",
                     99),
            "  31m\xc2\xa0x");
}

TEST(PeerTextTest, CutsBetweenCharacters) {
  EXPECT_EQ(PeerText("abcdefgh", 7), "abcd…");
  EXPECT_EQ(PeerText("ñññññ", 7), "ññ…");
  EXPECT_EQ(PeerText("ñññññ", 6), "ñ…");
  EXPECT_EQ(PeerText(std::string(1 << 20, 'x'), 4096).size(), 4096u);
}

}  // namespace
}  // namespace strata
