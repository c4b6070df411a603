// Goal: config.json is read as transformers reads it, in the spelling of transformers 5 and in the
// one almost every published model has. Method: for each family the file that transformers saved
// against the numbers that make_reference.py works out from the family's modeling code; then the
// same file in the older spelling.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/config_json.h"
#include "common/json.h"
#include "tests/common/folder.h"
#include "tests/worker/parity/reference.h"

namespace strata {
namespace {

class ConfigParityTest : public ::testing::TestWithParam<std::string> {
 protected:
  std::string Reference() const { return std::string(STRATA_REFERENCE_DIR) + "/" + GetParam(); }

  Json Saved() const {
    std::ifstream file(Reference() + "/config.json");
    return Json::parse(file);
  }

  ModelConfig ReadWritten(const Json& config) {
    folder_.Write("config.json", DumpJson(config, 1));
    const absl::StatusOr<ModelConfig> read = ReadModelConfig(folder_.path());
    EXPECT_TRUE(read.ok()) << read.status();
    return read.value_or(ModelConfig());
  }

  void ExpectReference(ModelConfig read) const {
    const ModelConfig expected = testing::ModelConfigOf(testing::ReadReference(Reference()));
    EXPECT_EQ(read.dtype, "float32");
    read.dtype = "";
    EXPECT_EQ(read, expected);
  }

  Folder folder_;
};

TEST_P(ConfigParityTest, ReadsWhatTransformersSaves) { ExpectReference(ReadWritten(Saved())); }

// rope_theta, rope_scaling and rope_local_base_freq in the place of rope_parameters.
TEST_P(ConfigParityTest, ReadsTheSpellingOfPublishedModels) {
  Json config = Saved();
  Json rope = config["rope_parameters"];
  if (rope.contains("full_attention")) {
    config["rope_local_base_freq"] = Json(rope["sliding_attention"]["rope_theta"]);
    rope = Json(rope["full_attention"]);
  }
  config["rope_theta"] = Json(rope["rope_theta"]);
  rope.erase("rope_theta");
  if (rope.contains("partial_rotary_factor")) {
    config["partial_rotary_factor"] = Json(rope["partial_rotary_factor"]);
    rope.erase("partial_rotary_factor");
  }
  if (rope["rope_type"] == "default") rope = nullptr;
  config["rope_scaling"] = rope;
  config.erase("rope_parameters");
  config["torch_dtype"] = "float32";
  config.erase("dtype");
  ExpectReference(ReadWritten(config));
}

INSTANTIATE_TEST_SUITE_P(Families, ConfigParityTest, ::testing::ValuesIn(testing::Families()),
                         [](const auto& variant) { return variant.param; });

// The models' own files, as they are met in the wild.
TEST(PublishedConfigTest, IsReadAsTransformersReadsIt) {
  int models = 0;
  for (const auto& model :
       std::filesystem::directory_iterator(std::string(STRATA_REFERENCE_DIR) + "/published")) {
    absl::StatusOr<ModelConfig> read = ReadModelConfig(model.path());
    ASSERT_TRUE(read.ok()) << read.status();
    read->dtype = "";
    EXPECT_EQ(*read, testing::ModelConfigOf(testing::ReadReference(model.path()))) << model.path();
    ++models;
  }
  EXPECT_GE(models, 14);
}

}  // namespace
}  // namespace strata
