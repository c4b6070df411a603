// Goal: what a branch asks of its base, and what the base lacks, is settled before anything runs.
// Method: the base under tests/testdata with weights of zeros, one field or weight changed.
#include "coordinator/run/base.h"

#include <cstring>
#include <map>

#include "common/config_json.h"
#include "gmock/gmock.h"
#include "tests/common/base_folder.h"

namespace strata {
namespace {

using testing::HasSubstr;
using Shapes = std::map<std::string, std::vector<int64_t>>;

Shapes ShapesOf(const ModelConfig& model) {
  const int64_t hidden = model.hidden_size;
  Shapes shapes = {{"model.embed_tokens.weight", {model.vocab_size, hidden}},
                   {"model.norm.weight", {hidden}}};
  for (int64_t i = 0; i < model.num_hidden_layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i);
    shapes[layer + ".input_layernorm.weight"] = {hidden};
    shapes[layer + ".post_attention_layernorm.weight"] = {hidden};
  }
  for (const Projection& projection : ProjectionsOf(model))
    shapes[projection.path + ".weight"] = {projection.out, projection.in};
  return shapes;
}

// A safetensors file of fp32 zeros.
std::string WeightsOf(const Shapes& shapes) {
  Json header = Json::object();
  uint64_t end = 0;
  for (const auto& [name, shape] : shapes) {
    uint64_t bytes = sizeof(float);
    for (const int64_t size : shape) bytes *= static_cast<uint64_t>(size);
    header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {end, end + bytes}}};
    end += bytes;
  }
  const std::string json = DumpJson(header);
  const uint64_t length = json.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + json +
         std::string(end, '\0');
}

class BaseTest : public testing::Test {
 protected:
  BaseTest() {
    config_.branch = base_.path();
    config_.model_name_or_path = base_.path();
    shapes_ = ShapesOf(ReadModelConfig(base_.path()).value());
    base_.Write("model.safetensors", WeightsOf(shapes_));
  }
  // Of a base whose weights are said to be kept in `on_disk`.
  std::string ComputedIn(const std::string& on_disk) {
    base_.Set("config.json", "torch_dtype", on_disk);
    const auto base = OpenBase(config_);
    EXPECT_TRUE(base.ok()) << base.status();
    return base.ok() ? base->dtype : "";
  }
  absl::Status OpenedWith(const Shapes& shapes) {
    base_.Write("model.safetensors", WeightsOf(shapes));
    return OpenBase(config_).status();
  }
  BaseFolder base_;
  Config config_;
  Shapes shapes_;
};

TEST_F(BaseTest, ComputesInTheBasesPrecisionAndInFloat32ForFloat16) {
  EXPECT_EQ(ComputedIn("float32"), "float32");
  EXPECT_EQ(ComputedIn("bfloat16"), "bfloat16");
  EXPECT_EQ(ComputedIn("float16"), "float32");
}

TEST_F(BaseTest, ComputesInThePrecisionThatIsAskedFor) {
  config_.dtype = "bfloat16";
  EXPECT_EQ(ComputedIn("float16"), "bfloat16");
}

TEST_F(BaseTest, AnyMissingWeightIsNamed) {
  for (const auto& [name, shape] : shapes_) {
    Shapes fewer = shapes_;
    fewer.erase(name);
    const absl::Status opened = OpenedWith(fewer);
    EXPECT_EQ(opened.code(), absl::StatusCode::kDataLoss) << name;
    EXPECT_THAT(std::string(opened.message()), HasSubstr(name));
  }
}

TEST_F(BaseTest, AWeightOfAnotherShapeIsNamedWithBothShapes) {
  shapes_["model.norm.weight"] = {5};
  const std::string said(OpenedWith(shapes_).message());
  EXPECT_THAT(said, HasSubstr("model.norm.weight is [5], its config.json implies [16]"));
}

TEST_F(BaseTest, AHeadOfItsOwnIsAskedForWhereItIsNotTied) {
  base_.Set("config.json", "tie_word_embeddings", false);
  EXPECT_THAT(std::string(OpenBase(config_).status().message()), HasSubstr("lm_head.weight"));
}

TEST_F(BaseTest, ATiedHeadThatIsAnotherIsRefused) {
  shapes_["lm_head.weight"] = shapes_["model.embed_tokens.weight"];
  EXPECT_TRUE(OpenedWith(shapes_).ok());  // the same zeros
  std::string file = WeightsOf(shapes_);
  uint64_t header = 0;
  std::memcpy(&header, file.data(), sizeof header);
  file[sizeof header + header] = 1;  // of lm_head.weight, the first by name
  base_.Write("model.safetensors", file);
  const absl::Status opened = OpenBase(config_).status();
  EXPECT_EQ(opened.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(opened.message()), HasSubstr("tie_word_embeddings"));
}

TEST_F(BaseTest, AProjectionThatTheBaseLacksIsAnsweredWithThoseItHas) {
  config_.lora_target_modules = {"qkv_proj"};
  const absl::Status opened = OpenBase(config_).status();
  EXPECT_EQ(opened.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(opened.message()), HasSubstr("q_proj, k_proj, v_proj"));
}

}  // namespace
}  // namespace strata
