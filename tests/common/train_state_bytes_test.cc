// Goal: a state's header is read back as it was written, and nothing else is taken for one.
#include "common/train_state_bytes.h"

#include <limits>

#include "gtest/gtest.h"

namespace strata {
namespace {

TrainStateHeader Full() {
  TrainStateHeader header;
  header.stage = 1, header.epoch = 2, header.step = 3;
  header.elements = 1000;
  header.updates = 77;
  header.nonfinite_in_a_row = 4, header.high_in_a_row = 5, header.applied = 6;
  header.evaluation_due = true;
  header.worse_in_a_row = 7, header.best_steps = 8;
  header.best_loss = 1.25;
  header.keeps_best = true;
  return header;
}

TEST(TrainStateBytesTest, ReadsBackWhatItWrote) {
  for (const TrainStateHeader& header : {Full(), TrainStateHeader()}) {
    const auto read = DecodeTrainStateHeader(EncodeTrainStateHeader(header) + "sections");
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, header);
  }
}

TEST(TrainStateBytesTest, CountsTheSections) {
  TrainStateHeader header = Full();
  EXPECT_EQ(TrainStateBytes(header), TrainStateHeaderBytes() + 5 * 4000);
  EXPECT_EQ(TrainStateBytes(header), TrainStateBytesMax(1000));
  header.keeps_best = false;
  EXPECT_EQ(TrainStateBytes(header), TrainStateHeaderBytes() + 4 * 4000);
  header.step = 0;
  EXPECT_EQ(TrainStateBytes(header), TrainStateHeaderBytes() + 4000);
}

TEST(TrainStateBytesTest, RefusesWhatItNeverWrote) {
  const std::string bytes = EncodeTrainStateHeader(Full());
  EXPECT_TRUE(absl::IsDataLoss(DecodeTrainStateHeader("").status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeTrainStateHeader(bytes.substr(0, 50)).status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeTrainStateHeader("x" + bytes).status()));
  std::string another = bytes;
  another[bytes.find('1')] = '2';
  EXPECT_TRUE(absl::IsFailedPrecondition(DecodeTrainStateHeader(another).status()));
  // Numbers beyond their field, flags that are none, a loss that is not finite.
  for (size_t number = 0; number < 13; ++number) {
    if (number == 4) continue;  // updates: any number
    std::string wild = bytes;
    for (size_t i = 0; i < 8; ++i) wild[20 + number * 8 + i] = '\xff';
    EXPECT_TRUE(absl::IsDataLoss(DecodeTrainStateHeader(wild).status())) << number;
  }
}

}  // namespace
}  // namespace strata
