// Goal: an adapter from elsewhere is read exactly, in the branch's own terms; what does not fit is
// named, with both values and the lines to set. Method: folders as PEFT writes them for the base
// under tests/testdata, with one difference each.
#include "coordinator/run/adapter_folder.h"

#include <cmath>

#include "common/config_json.h"
#include "common/huggingface/safetensors.h"
#include "common/json.h"
#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class AdapterFolderTest : public testing::Test {
 protected:
  AdapterFolderTest() : model_(ReadModelConfig(STRATA_TESTDATA "/base").value()) {
    config_.branch = "/branch";
    config_.base_model_name = "org/base";
    config_.lora_r = 2;
    config_.lora_alpha = 4;
    config_.lora_target_modules = {"q_proj", "v_proj"};
    SetConfig({{"r", 2}, {"lora_alpha", 4}});
    layout_ = LayoutOf(model_, {2, {"q_proj", "v_proj"}});
    for (int64_t i = 0; i < layout_.elements; ++i) values_.push_back(static_cast<float>(i));
    SetTensors(Matrices());
  }
  std::vector<MatrixToWrite> Matrices() const {
    std::vector<MatrixToWrite> matrices;
    for (const AdapterTensor& tensor : layout_.tensors)
      matrices.push_back(
          {tensor.name, tensor.rows, tensor.columns, values_.data() + tensor.offset});
    return matrices;
  }
  void SetConfig(const Json& json) { folder_.Write("adapter_config.json", DumpJson(json)); }
  void SetTensors(const std::vector<MatrixToWrite>& tensors) {
    folder_.Write("adapter_model.safetensors", SafetensorsBytes(tensors).value());
  }
  absl::StatusOr<AdapterFolder> Read() const {
    return ReadAdapterFolder(folder_.path(), model_, "org/base");
  }
  template <typename Matcher>
  void ExpectRefused(const Matcher& words) const {
    EXPECT_TRUE(absl::IsInvalidArgument(Read().status())) << Read().status();
    EXPECT_THAT(std::string(Read().status().message()), words);
  }
  template <typename Matcher>
  void ExpectUnfit(const Matcher& words) const {
    const auto adapter = Read();
    ASSERT_TRUE(adapter.ok()) << adapter.status();
    const absl::Status fits = CheckFits(*adapter, config_, config_.lora_target_modules);
    EXPECT_TRUE(absl::IsFailedPrecondition(fits)) << fits;
    EXPECT_THAT(std::string(fits.message()), words);
  }

  const ModelConfig model_;
  AdapterLayout layout_;
  std::vector<float> values_;
  Config config_;
  Folder folder_;
};

TEST_F(AdapterFolderTest, WhatFitsIsReadInTheOrderOfTheLayout) {
  const auto adapter = Read();
  ASSERT_TRUE(adapter.ok()) << adapter.status();
  EXPECT_EQ(adapter->values, values_);
  EXPECT_EQ(adapter->dtype, "F32");
  EXPECT_THAT(adapter->target_modules, ElementsAre("q_proj", "v_proj"));
  EXPECT_EQ(adapter->file_sha256, Sha256Of(folder_.Read("adapter_model.safetensors")));
  EXPECT_TRUE(CheckFits(*adapter, config_, config_.lora_target_modules).ok());
}

TEST_F(AdapterFolderTest, PeftsDefaultInANameIsPassedOver) {
  auto matrices = Matrices();
  for (MatrixToWrite& matrix : matrices)
    matrix.name.insert(matrix.name.rfind(".weight"), ".default");
  SetTensors(matrices);
  ASSERT_TRUE(Read().ok()) << Read().status();
  EXPECT_EQ(Read()->values, values_);
  matrices.push_back(Matrices()[0]);
  SetTensors(matrices);
  EXPECT_TRUE(absl::IsDataLoss(Read().status())) << Read().status();
}

TEST_F(AdapterFolderTest, AnotherRankOrAlphaIsNamedWithBothValuesAndTheLine) {
  config_.lora_r = 8;
  ExpectUnfit(AllOf(HasSubstr("lora_r is 8, the adapter's r 2"), HasSubstr("\n  lora_r: 2"),
                    HasSubstr("/branch/branch.yaml")));
  config_.lora_r = 2;
  config_.lora_alpha = 16;
  ExpectUnfit(
      AllOf(HasSubstr("lora_alpha is 16, the adapter's 4"), HasSubstr("\n  lora_alpha: 4")));
}

TEST_F(AdapterFolderTest, RsLoraIsJudgedByWhatItScalesBy) {
  SetConfig({{"r", 2}, {"lora_alpha", 4}, {"use_rslora", true}});
  ExpectUnfit(AllOf(HasSubstr("lora_alpha is 4, the adapter's 4 with use_rslora"),
                    HasSubstr("\n  use_rslora: true")));
  config_.use_rslora = true;
  EXPECT_TRUE(CheckFits(*Read(), config_, config_.lora_target_modules).ok());
  SetConfig({{"r", 2}, {"lora_alpha", 4 * std::sqrt(2.0)}, {"use_rslora", false}});
  EXPECT_TRUE(CheckFits(*Read(), config_, config_.lora_target_modules).ok());
}

TEST_F(AdapterFolderTest, OtherProjectionsAreJudgedByTheTensors) {
  SetConfig({{"r", 2}, {"lora_alpha", 4}, {"target_modules", "all-linear"}});
  ASSERT_TRUE(CheckFits(*Read(), config_, config_.lora_target_modules).ok());
  config_.lora_target_modules = {"q_proj"};
  ExpectUnfit(AllOf(HasSubstr("is [q_proj], the adapter is on [q_proj, v_proj]"),
                    HasSubstr("\n  lora_target_modules: [q_proj, v_proj]")));
}

TEST_F(AdapterFolderTest, RsLoraFitsByItsEffectiveScale) {
  SetConfig({{"r", 2}, {"lora_alpha", 4}, {"use_rslora", true}});
  config_.lora_alpha = 5.65685424949;
  EXPECT_TRUE(CheckFits(*Read(), config_, config_.lora_target_modules).ok());
}

TEST_F(AdapterFolderTest, AMissingTensorIsNamed) {
  auto matrices = Matrices();
  matrices.erase(matrices.begin() + 1);
  SetTensors(matrices);
  ExpectRefused(AllOf(HasSubstr("it lacks base_model.model.model.layers.0.self_attn.q_proj.lora_B"),
                      testing::Not(HasSubstr("some layers alone"))));
}

TEST_F(AdapterFolderTest, AnAdapterOfSomeLayersIsRefusedAsSuch) {
  auto matrices = Matrices();
  std::erase_if(matrices, [](const auto& matrix) {
    return std::string_view(matrix.name).find(".layers.0.") != std::string_view::npos;
  });
  SetTensors(matrices);
  ExpectRefused(HasSubstr("an adapter of some layers alone (layers_to_transform"));
}

TEST_F(AdapterFolderTest, TensorsBeyondTheBaseAreNamed) {
  auto matrices = Matrices();
  for (const int layer : {70, 71, 72, 73, 74, 75}) {
    const std::string path = "base_model.model.model.layers." + std::to_string(layer);
    matrices.push_back({path + ".self_attn.q_proj.lora_A.weight", 2, 2, values_.data()});
  }
  SetTensors(matrices);
  ExpectRefused(AllOf(HasSubstr("beyond the base's projections"), HasSubstr("layers.70."),
                      HasSubstr("and 2 more"), HasSubstr("the branch's base org/base")));
}

TEST_F(AdapterFolderTest, AnotherShapeIsNamedWithBothShapesAndBases) {
  SetConfig({{"r", 2}, {"lora_alpha", 4}, {"base_model_name_or_path", "org/other"}});
  auto matrices = Matrices();
  matrices[0].columns = 3;
  SetTensors(matrices);
  ExpectRefused(AllOf(HasSubstr("F32[2, 3] and not"), HasSubstr("[2, 16]"), HasSubstr("org/other"),
                      HasSubstr("org/base")));
}

TEST_F(AdapterFolderTest, AnotherPrecisionIsRefusedByItsName) {
  std::string bytes = folder_.Read("adapter_model.safetensors");
  for (size_t at; (at = bytes.find("\"F32\"")) != std::string::npos;)
    bytes.replace(at, 5, "\"I32\"");
  folder_.Write("adapter_model.safetensors", bytes);
  ExpectRefused(HasSubstr("is I32["));
}

TEST_F(AdapterFolderTest, AConfigOfAnotherAdapterIsSeenByTheRank) {
  SetConfig({{"r", 8}, {"lora_alpha", 4}});
  EXPECT_TRUE(absl::IsDataLoss(Read().status())) << Read().status();
  EXPECT_THAT(std::string(Read().status().message()),
              AllOf(HasSubstr("says r is 8"), HasSubstr("have rank 2")));
}

TEST_F(AdapterFolderTest, ASaveWithoutTensorsIsRefused) {
  SetTensors({});
  EXPECT_TRUE(absl::IsDataLoss(Read().status())) << Read().status();
  EXPECT_THAT(std::string(Read().status().message()), HasSubstr("has no tensors at all"));
}

TEST_F(AdapterFolderTest, APickleIsNeverReadAndTheWayAroundItIsSaid) {
  std::filesystem::rename(folder_.path() / "adapter_model.safetensors",
                          folder_.path() / "adapter_model.bin");
  ExpectRefused(AllOf(HasSubstr("adapter_model.bin"), HasSubstr("weights_only=True")));
}

TEST_F(AdapterFolderTest, AFolderThatIsNoAdapterSaysWhatIsMissing) {
  std::filesystem::remove(folder_.path() / "adapter_model.safetensors");
  EXPECT_TRUE(absl::IsNotFound(Read().status())) << Read().status();
  std::filesystem::remove(folder_.path() / "adapter_config.json");
  EXPECT_TRUE(absl::IsNotFound(Read().status())) << Read().status();
}

TEST_F(AdapterFolderTest, WhatACommitWouldRefuseIsRefusedWithItsFolder) {
  EXPECT_TRUE(CheckTrained(*Read()).ok());
  std::fill(values_.begin(), values_.end(), 0.0f);
  SetTensors(Matrices());
  EXPECT_TRUE(absl::IsDataLoss(CheckTrained(*Read())));
  EXPECT_THAT(std::string(CheckTrained(*Read()).message()),
              AllOf(HasSubstr(folder_.path().string()), HasSubstr("every lora_B is zero"),
                    HasSubstr("strata train")));
}

TEST_F(AdapterFolderTest, AnotherNameOfTheBaseAndUnknownKeysAreWarnedOf) {
  EXPECT_THAT(WarningsOf(*Read(), config_), testing::IsEmpty());
  config_.model_name_or_path = folder_.path();
  SetConfig(
      {{"r", 2}, {"lora_alpha", 4}, {"base_model_name_or_path", folder_.path().string() + "/"}});
  EXPECT_THAT(WarningsOf(*Read(), config_), testing::IsEmpty());
  SetConfig({{"r", 2},
             {"lora_alpha", 4},
             {"base_model_name_or_path", "/home/me/base"},
             {"use_lora_of_2030", true}});
  EXPECT_THAT(WarningsOf(*Read(), config_),
              ElementsAre(AllOf(HasSubstr("/home/me/base"), HasSubstr("org/base")),
                          HasSubstr("use_lora_of_2030")));
}

}  // namespace
}  // namespace strata
