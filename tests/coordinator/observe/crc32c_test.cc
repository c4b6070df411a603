// Goal: records are guarded as TensorFlow guards them. Method: the vectors of RFC 3720, and masks
// that TensorFlow's own tests have.
#include "coordinator/observe/crc32c.h"

#include <string>

#include "gtest/gtest.h"

namespace strata {
namespace {

TEST(Crc32cTest, IsThatOfRfc3720) {
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62A8AB43U);
  std::string ascending, descending;
  for (int i = 0; i < 32; ++i) {
    ascending.push_back(static_cast<char>(i));
    descending.push_back(static_cast<char>(31 - i));
  }
  EXPECT_EQ(Crc32c(ascending), 0x46DD794EU);
  EXPECT_EQ(Crc32c(descending), 0x113FDB5CU);
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(Crc32c(""), 0U);
}

TEST(Crc32cTest, AMaskTurnsAndShiftsIt) {
  // crc32c::Mask of TensorFlow: rotated right by 15, and a constant added.
  EXPECT_EQ(MaskedCrc32c(""), 0xA282EAD8U);
  EXPECT_EQ(MaskedCrc32c("123456789"), 0xC78AB0E5U);
}

}  // namespace
}  // namespace strata
