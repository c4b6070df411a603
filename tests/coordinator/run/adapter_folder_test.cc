// Goal: an adapter from elsewhere is measured only when it is what the branch would train; else the
// difference is named. Method: folders as PEFT writes them, with one difference each.
#include "coordinator/run/adapter_folder.h"

#include "common/huggingface/safetensors.h"
#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class AdapterFolderTest : public testing::Test {
 protected:
  AdapterFolderTest() {
    config_.lora_r = 2;
    config_.lora_alpha = 4;
    layout_.tensors = {{"q.lora_A.weight", 2, 3, 0}, {"q.lora_B.weight", 1, 2, 6}};
    layout_.elements = 8;
    SetConfig(
        {{"r", 2}, {"lora_alpha", 4}, {"use_rslora", false}, {"rank_pattern", Json::object()}});
    SetTensors({{"q.lora_A.weight", 2, 3, values_}, {"q.lora_B.weight", 1, 2, values_ + 6}});
  }
  void SetConfig(const Json& json) { folder_.Write("adapter_config.json", DumpJson(json)); }
  void SetTensors(const std::vector<MatrixToWrite>& tensors) {
    folder_.Write("adapter_model.safetensors", SafetensorsBytes(tensors).value());
  }
  absl::StatusOr<std::vector<float>> Read() const {
    return ReadAdapterFolder(folder_.path(), config_, layout_);
  }
  template <typename Matcher>
  void ExpectRefused(const Matcher& words) const {
    EXPECT_TRUE(absl::IsInvalidArgument(Read().status())) << Read().status();
    EXPECT_THAT(std::string(Read().status().message()), words);
  }

  const float values_[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  Config config_;
  AdapterLayout layout_;
  Folder folder_;
};

TEST_F(AdapterFolderTest, WhatFitsIsReadInTheOrderOfTheLayout) {
  const auto flat = Read();
  ASSERT_TRUE(flat.ok()) << flat.status();
  EXPECT_THAT(*flat, testing::ElementsAreArray(values_));
}

TEST_F(AdapterFolderTest, AnotherRankOrAlphaIsNamedWithBothValues) {
  SetConfig({{"r", 8}, {"lora_alpha", 4}});
  ExpectRefused(AllOf(HasSubstr("r is 8 in "), HasSubstr("2 in branch.yaml")));
  SetConfig({{"r", 2}, {"lora_alpha", 16}});
  ExpectRefused(AllOf(HasSubstr("lora_alpha is 16 in "), HasSubstr("4 in branch.yaml")));
}

TEST_F(AdapterFolderTest, AnotherScalingIsRefusedByItsName) {
  SetConfig({{"r", 2}, {"lora_alpha", 4}, {"use_rslora", true}});
  ExpectRefused(HasSubstr("use_rslora"));
  SetConfig({{"r", 2}, {"lora_alpha", 4}, {"alpha_pattern", {{"q", 8}}}});
  ExpectRefused(HasSubstr("alpha_pattern"));
}

TEST_F(AdapterFolderTest, TensorsThatAreNotExactlyTheLayoutsAreNamed) {
  SetTensors({{"q.lora_A.weight", 2, 3, values_}});
  ExpectRefused(HasSubstr("q.lora_B.weight is to be F32[1, 2], "));
  SetTensors({{"q.lora_A.weight", 3, 2, values_}, {"q.lora_B.weight", 1, 2, values_}});
  ExpectRefused(HasSubstr("has F32[3, 2]"));
  SetTensors({{"q.lora_A.weight", 2, 3, values_},
              {"q.lora_B.weight", 1, 2, values_},
              {"v.lora_A.weight", 1, 1, values_}});
  ExpectRefused(HasSubstr("1 tensors beyond lora_target_modules"));
}

TEST_F(AdapterFolderTest, AnotherPrecisionIsRefusedByItsName) {
  std::string bytes = folder_.Read("adapter_model.safetensors");
  for (size_t at; (at = bytes.find("\"F32\"")) != std::string::npos;)
    bytes.replace(at, 5, "\"I32\"");
  folder_.Write("adapter_model.safetensors", bytes);
  ExpectRefused(HasSubstr("has I32[2, 3]"));
}

TEST_F(AdapterFolderTest, AFolderThatIsNoAdapterSaysWhatIsMissing) {
  std::filesystem::remove(folder_.path() / "adapter_config.json");
  EXPECT_TRUE(absl::IsNotFound(Read().status())) << Read().status();
  SetConfig({{"lora_alpha", 4}});
  EXPECT_TRUE(absl::IsDataLoss(Read().status())) << Read().status();
}

}  // namespace
}  // namespace strata
