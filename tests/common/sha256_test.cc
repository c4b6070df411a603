// Goal: digests are SHA-256 and survive being written as text; what is no digest is refused.
// Method: the examples of FIPS 180-4, and strings that are nearly digests.
#include "common/sha256.h"

#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

using testing::HasSubstr;

constexpr char kEmpty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kMillionA[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(Sha256Test, IsTheStandards) {
  EXPECT_EQ(Sha256Of("").Hex(), kEmpty);
  EXPECT_EQ(Sha256Of("abc").Hex(), kAbc);
  EXPECT_EQ(Sha256Of(std::string(1'000'000, 'a')).Hex(), kMillionA);
}

TEST(Sha256Test, PiecesAreTheWholeAndFinishBeginsAnew) {
  Sha256 sha;
  for (int i = 0; i < 1000; ++i) sha.Update(std::string(1000, 'a'));
  EXPECT_EQ(sha.Finish().Hex(), kMillionA);
  EXPECT_EQ(sha.Finish().Hex(), kEmpty);
  sha.Update("ab");
  sha.Update("");
  sha.Update("c");
  EXPECT_EQ(sha.Finish().Hex(), kAbc);
}

TEST(Sha256Test, AFileIsItsBytes) {
  const Folder folder;
  EXPECT_EQ(Sha256OfFile(folder.Write("empty", ""))->Hex(), kEmpty);
  const std::string bytes((3 << 20) + 1, '\0');  // more than one piece
  EXPECT_EQ(Sha256OfFile(folder.Write("large", bytes)).value(), Sha256Of(bytes));
}

TEST(Sha256Test, AFileThatCannotBeReadIsNamed) {
  const Folder folder;
  const absl::Status missing = Sha256OfFile(folder.path() / "none").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr((folder.path() / "none").string()));
  EXPECT_EQ(Sha256OfFile(folder.path()).status().code(), absl::StatusCode::kUnavailable);
}

TEST(DigestTest, HexIsReadBackInEitherCase) {
  EXPECT_EQ(DigestFromHex(kAbc).value(), Sha256Of("abc"));
  std::string upper = kAbc;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(DigestFromHex(upper)->Hex(), kAbc);
}

TEST(DigestTest, TextThatIsNoDigestIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(DigestFromHex("").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(DigestFromHex(std::string(63, 'a')).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(DigestFromHex(std::string(65, 'a')).status()));
  for (int c = 0; c < 256; ++c) {
    if (std::isxdigit(c)) continue;
    std::string hex = kAbc;
    hex[63] = static_cast<char>(c);
    EXPECT_TRUE(absl::IsInvalidArgument(DigestFromHex(hex).status())) << "byte " << c;
  }
}

TEST(DigestTest, ThePrefixIsLittleEndian) {
  EXPECT_EQ(Sha256Of("abc").Prefix64(), 0xeacf018fbf1678bau);
}

TEST(EqualInConstantTimeTest, TellsEqualFromNearlyEqual) {
  EXPECT_TRUE(EqualInConstantTime("", ""));
  EXPECT_TRUE(EqualInConstantTime("token", "token"));
  EXPECT_FALSE(EqualInConstantTime("token", "tokem"));
  EXPECT_FALSE(EqualInConstantTime("token", "toke"));
  EXPECT_FALSE(EqualInConstantTime("token", std::string_view("token\0", 6)));
}

TEST(RandomHexTest, IsHexadecimalAndNeverTwiceTheSame) {
  EXPECT_THAT(RandomHex(16), testing::MatchesRegex("[0-9a-f]{32}"));
  EXPECT_NE(RandomHex(16), RandomHex(16));
  EXPECT_EQ(RandomHex(0), "");
}

}  // namespace
}  // namespace strata
