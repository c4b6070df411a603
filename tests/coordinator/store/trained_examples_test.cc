// Goal: what a lineage was trained on is read back, and bytes that were never written are refused.
#include "coordinator/store/trained_examples.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

const ExamplesByDataset kExamples = {{"a.jsonl", {{2, 1}, {1, 2}, {1, 3}}}, {"b.jsonl", {}}};

bool IsRefused(const std::string& bytes) {
  return absl::IsDataLoss(DecodeExamples(bytes).status());
}

// Of one dataset "a" with these digests.
std::string BytesOf(const std::vector<ExampleDigest>& digests) {
  std::string bytes = EncodeExamples({{"a", {}}});
  bytes[bytes.size() - 8] = static_cast<char>(digests.size());
  for (const ExampleDigest& digest : digests) {
    for (const uint64_t half : {digest.high, digest.low}) {
      bytes += static_cast<char>(half);
      bytes += std::string(7, '\0');
    }
  }
  return bytes;
}

TEST(TrainedExamplesTest, GivesBackWhatWasWritten) {
  EXPECT_EQ(DecodeExamples(EncodeExamples(kExamples)).value(), kExamples);
  EXPECT_EQ(DecodeExamples(EncodeExamples({})).value(), ExamplesByDataset());
  EXPECT_EQ(BytesOf({{1, 2}, {2, 1}}), EncodeExamples({{"a", {{1, 2}, {2, 1}}}}));
}

TEST(TrainedExamplesTest, BytesThatAreCutOrGoOnAreRefused) {
  const std::string whole = EncodeExamples(kExamples);
  for (size_t bytes = 0; bytes < whole.size(); ++bytes)
    EXPECT_TRUE(IsRefused(whole.substr(0, bytes))) << bytes;
  EXPECT_TRUE(IsRefused(whole + '\0'));
}

TEST(TrainedExamplesTest, CountsBeyondTheBytesAreRefused) {
  for (const size_t at : {12, 16, 27}) {  // datasets, length of the name, examples
    std::string bytes = EncodeExamples(kExamples);
    bytes.replace(at, 4, 4, '\xff');
    EXPECT_TRUE(IsRefused(bytes)) << at;
  }
}

// Found by tests/fuzz.
TEST(TrainedExamplesTest, WhatComesTwiceOrOutOfOrderIsRefused) {
  EXPECT_TRUE(IsRefused(BytesOf({{2, 1}, {1, 2}})));
  EXPECT_TRUE(IsRefused(BytesOf({{1, 2}, {1, 2}})));
  std::string twice = EncodeExamples({{"a", {}}, {"b", {}}});
  twice[twice.rfind('b')] = 'a';
  EXPECT_TRUE(IsRefused(twice));
}

}  // namespace
}  // namespace strata
