// Goal: an answer ends at the token that training closes with and at those of the base, wherever it
// names them. Method: the base of tests/testdata, changed one field at a time.
#include "coordinator/tokens/stop_tokens.h"

#include "gmock/gmock.h"
#include "tests/common/base_folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class StopTokensTest : public testing::Test {
 protected:
  absl::StatusOr<std::vector<uint32_t>> Ids() const { return StopTokens(base_.path(), 1); }
  BaseFolder base_;
};

TEST_F(StopTokensTest, TheClosingTokenIsThereOnce) { EXPECT_THAT(*Ids(), ElementsAre(1)); }

TEST_F(StopTokensTest, TheGenerationConfigCountsBeforeTheConfig) {
  base_.Set("config.json", "eos_token_id", 5);
  EXPECT_THAT(*Ids(), ElementsAre(1, 5));
  base_.Write("generation_config.json", R"({"eos_token_id": [7, 1, 9, 7]})");
  EXPECT_THAT(*Ids(), ElementsAre(1, 7, 9));
}

TEST_F(StopTokensTest, AFileThatNamesNoneIsPassedOver) {
  base_.Write("generation_config.json", R"({"eos_token_id": null})");
  base_.Set("config.json", "eos_token_id", Json::array({5, 6}));
  EXPECT_THAT(*Ids(), ElementsAre(1, 5, 6));
  base_.Erase("config.json", "eos_token_id");
  EXPECT_THAT(*Ids(), ElementsAre(1));
}

TEST_F(StopTokensTest, WhatIsNoTokenIdIsSaid) {
  for (const char* bad : {"-1", "\"</s>\"", "[1, 2.5]", "4294967296", "{}"}) {
    base_.Write("generation_config.json", std::string("{\"eos_token_id\": ") + bad + "}");
    EXPECT_EQ(Ids().status().code(), absl::StatusCode::kDataLoss) << bad;
    EXPECT_THAT(std::string(Ids().status().message()), HasSubstr("eos_token_id"));
  }
  base_.Write("generation_config.json", "{");
  EXPECT_EQ(Ids().status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace strata
