// Goal: what is cut is still UTF-8. Method: every length of a text whose characters have 1 to 4
// bytes.
#include "common/utf8_beginning.h"

#include "gtest/gtest.h"

namespace strata {
namespace {

TEST(Utf8BeginningTest, EndsWithAWholeCharacter) {
  const std::string_view text = "añ€😀b";  // 1 + 2 + 3 + 4 + 1 bytes
  const size_t kept[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
  for (size_t bytes = 0; bytes < std::size(kept); ++bytes)
    EXPECT_EQ(Utf8Beginning(text, bytes), text.substr(0, kept[bytes])) << bytes;
}

TEST(Utf8BeginningTest, OfWhatIsNotUtf8LittleIsLost) {
  EXPECT_EQ(Utf8Beginning("\x80\x80\x80\x80\x80\x80\x80", 6), "\x80\x80\x80");
}

}  // namespace
}  // namespace strata
