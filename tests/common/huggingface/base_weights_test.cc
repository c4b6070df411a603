// Goal: a base's weights are found in one file or many, never outside its folder, and its
// fingerprint is that of its content.
#include "common/huggingface/base_weights.h"

#include "gmock/gmock.h"
#include "tests/common/temporary_folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class BaseWeightsTest : public testing::Test {
 protected:
  void WriteShard(const std::string& file, const std::string& tensor, float value) {
    folder_.Write(file, *SafetensorsBytes({{tensor, 1, 1, &value}}));
  }
  void WriteIndex(const std::string& first, const std::string& second) {
    folder_.Write("model.safetensors.index.json",
                  R"({"weight_map": {"a": ")" + first + R"(", "b": ")" + second + R"("}})");
  }
  Digest Fingerprint() {
    const auto digest = BaseFingerprint(folder_.path(), folder_.path() / "cache" / "base.json");
    EXPECT_TRUE(digest.ok()) << digest.status();
    return digest.ok() ? *digest : Digest();
  }
  TemporaryFolder folder_;
};

TEST_F(BaseWeightsTest, OneFileIsFound) {
  WriteShard("model.safetensors", "a", 1);
  const auto weights = BaseWeights::Open(folder_.path());
  ASSERT_TRUE(weights.ok()) << weights.status();
  EXPECT_NE(weights->Find("a"), nullptr);
  EXPECT_EQ(weights->Find("b"), nullptr);
}

TEST_F(BaseWeightsTest, FilesOfAnIndexAreFound) {
  WriteShard("one.safetensors", "a", 1);
  WriteShard("two.safetensors", "b", 2);
  WriteIndex("two.safetensors", "one.safetensors");
  EXPECT_THAT(*WeightFiles(folder_.path()),
              ElementsAre(folder_.path() / "one.safetensors", folder_.path() / "two.safetensors"));
  const auto weights = BaseWeights::Open(folder_.path());
  ASSERT_TRUE(weights.ok()) << weights.status();
  EXPECT_NE(weights->Find("a"), nullptr);
  EXPECT_NE(weights->Find("b"), nullptr);
}

TEST_F(BaseWeightsTest, IndexThatLeadsOutOfTheFolderIsRefused) {
  WriteShard("one.safetensors", "a", 1);
  for (const char* file :
       {"../secret.safetensors", "/etc/passwd", "..", "", "sub/../../secret.safetensors"}) {
    WriteIndex("one.safetensors", file);
    const auto weights = BaseWeights::Open(folder_.path());
    EXPECT_TRUE(absl::IsDataLoss(weights.status())) << file;
    EXPECT_THAT(std::string(weights.status().message()), HasSubstr("leads out of the folder"));
  }
}

TEST_F(BaseWeightsTest, TwoTensorsOfOneNameAreRefused) {
  WriteShard("one.safetensors", "a", 1);
  WriteShard("two.safetensors", "a", 2);
  WriteIndex("one.safetensors", "two.safetensors");
  EXPECT_THAT(std::string(BaseWeights::Open(folder_.path()).status().message()),
              HasSubstr("two tensors named a"));
}

TEST_F(BaseWeightsTest, FolderWithoutSafetensorsIsNotFound) {
  folder_.Write("pytorch_model.bin", "pickle");
  const absl::Status status = BaseWeights::Open(folder_.path()).status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("pickled weights are never read"));
}

TEST_F(BaseWeightsTest, FingerprintFollowsTheContentAndOutlivesItsCache) {
  folder_.Write("config.json", "{}");
  WriteShard("model.safetensors", "a", 1);
  const Digest first = Fingerprint();
  EXPECT_EQ(Fingerprint(), first);
  folder_.Write("cache/base.json", "nonsense");
  EXPECT_EQ(Fingerprint(), first);
  folder_.Write("config.json", "{ }");
  EXPECT_NE(Fingerprint(), first);
}

}  // namespace
}  // namespace strata
