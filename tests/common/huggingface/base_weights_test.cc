// Goal: weights are found in one file or in many, never outside their folder, and the base is known
// again by its content. Method: small folders.
#include "common/huggingface/base_weights.h"

#include <chrono>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/base_folder.h"

namespace strata {
namespace {

using testing::HasSubstr;

class BaseWeightsTest : public testing::Test {
 protected:
  void Weights(const std::string& file, const std::string& tensor, float value = 1) const {
    base_.Write(file, SafetensorsBytes({{tensor, 1, 1, &value}}).value());
  }
  void Index(const Json& weight_map) const {
    base_.Write("model.safetensors.index.json", DumpJson({{"weight_map", weight_map}}));
  }
  Digest Fingerprint() const {
    const auto digest = BaseFingerprint(base_.path(), cache());
    EXPECT_TRUE(digest.ok()) << digest.status();
    return digest.value_or(Digest());
  }
  std::filesystem::path cache() const { return base_.path() / ".cache" / "base.json"; }
  BaseFolder base_;
};

TEST_F(BaseWeightsTest, FindsTensorsInOneFile) {
  Weights("model.safetensors", "lm_head.weight");
  const BaseWeights weights = BaseWeights::Open(base_.path()).value();
  ASSERT_NE(weights.Find("lm_head.weight"), nullptr);
  EXPECT_EQ(*static_cast<const float*>(weights.Find("lm_head.weight")->data), 1);
  EXPECT_EQ(weights.Find("model.norm.weight"), nullptr);
}

TEST_F(BaseWeightsTest, FindsTensorsInTheFilesOfAnIndex) {
  Weights("model-1.safetensors", "a", 1);
  Weights("model-2.safetensors", "b", 2);
  Index({{"a", "model-1.safetensors"}, {"b", "model-2.safetensors"}});
  const BaseWeights weights = BaseWeights::Open(base_.path()).value();
  EXPECT_EQ(*static_cast<const float*>(weights.Find("a")->data), 1);
  EXPECT_EQ(*static_cast<const float*>(weights.Find("b")->data), 2);
}

TEST_F(BaseWeightsTest, AnIndexThatLeadsOutOfTheFolderIsRefused) {
  for (const char* file : {"../model.safetensors", "/etc/passwd", "..", "a/../../b", "", "a/b"}) {
    Index({{"a", file}});
    const absl::Status refused = BaseWeights::Open(base_.path()).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kDataLoss) << file;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(file));
  }
  Index({{"a", 3}});
  EXPECT_EQ(BaseWeights::Open(base_.path()).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(BaseWeightsTest, AnEndlessIndexIsNotRead) {
  Index({{"a", "model-1.safetensors"}});
  std::filesystem::resize_file(base_.path() / "model.safetensors.index.json", uint64_t{1} << 40);
  EXPECT_EQ(BaseWeights::Open(base_.path()).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(BaseWeightsTest, ATensorInTwoFilesIsRefusedByName) {
  Weights("model-1.safetensors", "twice");
  Weights("model-2.safetensors", "twice");
  Index({{"a", "model-1.safetensors"}, {"b", "model-2.safetensors"}});
  EXPECT_THAT(std::string(BaseWeights::Open(base_.path()).status().message()), HasSubstr("twice"));
}

TEST_F(BaseWeightsTest, AFolderWithoutWeightsOrWithHalfOfThemIsNotFound) {
  EXPECT_EQ(BaseWeights::Open(base_.path()).status().code(), absl::StatusCode::kNotFound);
  Index({{"a", "model-1.safetensors"}});
  EXPECT_EQ(BaseWeights::Open(base_.path()).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(BaseWeightsTest, TheFingerprintIsOfContentAndNotOfTheFolderOrTheTime) {
  Weights("model.safetensors", "a");
  const Digest first = Fingerprint();
  EXPECT_EQ(Fingerprint(), first);
  std::filesystem::remove_all(cache().parent_path());
  std::filesystem::last_write_time(base_.path() / "model.safetensors",
                                   std::filesystem::file_time_type::clock::now());
  EXPECT_EQ(Fingerprint(), first);
}

TEST_F(BaseWeightsTest, TheFingerprintSeesEveryChange) {
  Weights("model.safetensors", "a", 1);
  const Digest first = Fingerprint();
  Weights("model.safetensors", "a", 2);
  // A file system may date both writes alike.
  std::filesystem::last_write_time(
      base_.path() / "model.safetensors",
      std::filesystem::file_time_type::clock::now() + std::chrono::seconds(1));
  const Digest other_weights = Fingerprint();
  EXPECT_NE(other_weights, first);
  base_.Set("config.json", "rms_norm_eps", 1e-6);
  EXPECT_NE(Fingerprint(), other_weights);
}

TEST_F(BaseWeightsTest, AKnownFileIsNotReadAgain) {
  Weights("model.safetensors", "a");
  const Digest first = Fingerprint();
  Json stored = ParseJson(base_.Read(".cache/base.json"), "cache").value();
  stored[(base_.path() / "model.safetensors").string()]["sha256"] = std::string(64, '0');
  base_.Write(".cache/base.json", DumpJson(stored));
  EXPECT_NE(Fingerprint(), first);
}

TEST_F(BaseWeightsTest, ABrokenCacheOnlyCostsTime) {
  Weights("model.safetensors", "a");
  const Digest first = Fingerprint();
  const std::string file = (base_.path() / "model.safetensors").string();
  for (const Json& broken : {Json(3), Json::array(), Json{{file, 3}}, Json{{file, {{"stamp", 3}}}},
                             Json{{file, {{"stamp", ""}, {"sha256", 3}}}}}) {
    base_.Write(".cache/base.json", DumpJson(broken));
    EXPECT_EQ(Fingerprint(), first) << broken;
  }
  base_.Write(".cache/base.json", "{");
  EXPECT_EQ(Fingerprint(), first);
  std::filesystem::resize_file(cache(), uint64_t{1} << 40);
  EXPECT_EQ(Fingerprint(), first);
}

}  // namespace
}  // namespace strata
