// Goal: a merged file is the base's file with other numbers where LoRA sits, and what cannot be
// merged is refused by its name before anything is written. Method: files made byte by byte.
#include "coordinator/export/merged_weights.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "tests/common/file_size_limit.h"
#include "tests/common/folder.h"
#include "tests/coordinator/export/weight_file.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int64_t kOut = 3, kIn = 2;
constexpr char kName[] = "model.layers.0.self_attn.q_proj.weight";

// Rank 1: the delta is 2 · b[i] · a[j], with A = [1, 2] and B = [0.5, 0, -1].
AdapterToMerge Adapter() {
  AdapterToMerge adapter;
  const std::string path = "base_model.model.model.layers.0.self_attn.q_proj";
  adapter.layout.tensors = {{path + ".lora_A.weight", 1, kIn, 0},
                            {path + ".lora_B.weight", kOut, 1, kIn}};
  adapter.layout.elements = kIn + kOut;
  adapter.flat = {1, 2, 0.5, 0, -1};
  adapter.scale = 2;
  return adapter;
}

class MergedWeightsTest : public testing::Test {
 protected:
  // A target of ones between two other tensors, in an order that no writer would choose.
  static std::vector<WeightToWrite> Weights() {
    return {{"z.bias", "I64", {1}, BytesOf<int64_t>({7})},
            {kName, "F32", {kOut, kIn}, BytesOf<float>({1, 1, 1, 1, 1, 1})},
            {"a.norm", "BF16", {3}, BytesOf<uint16_t>({1, 2, 3})}};
  }
  fs::path Write(const std::vector<WeightToWrite>& weights) const {
    return folder_.Write("model.safetensors", WeightFile(weights, {{"format", "pt"}, {"x", "y"}}));
  }
  static absl::StatusOr<MergedWeights> Open(const fs::path& file) {
    return MergedWeights::Open({file}, Adapter(), 2);
  }
  absl::Status Merge(const std::vector<WeightToWrite>& weights) const {
    const absl::StatusOr<MergedWeights> merged = Open(Write(weights));
    if (!merged.ok()) return merged.status();
    return merged->Write(0, folder_.path() / "merged", FileSystem::Real(), nullptr);
  }
  Folder folder_;
};

TEST_F(MergedWeightsTest, OnlyTheNumbersOfTheTargetChange) {
  std::vector<WeightToWrite> weights = Weights();
  ASSERT_TRUE(Merge(weights).ok());
  weights[1].bytes = BytesOf<float>({2, 3, 1, 1, -1, -3});
  EXPECT_EQ(folder_.Read("merged"), WeightFile(weights, {{"format", "pt"}, {"x", "y"}}));
}

TEST_F(MergedWeightsTest, ATargetIsRoundedToItsOwnKind) {
  std::vector<WeightToWrite> weights = Weights();
  // 1 + delta in bfloat16: 0x3f80 is 1, 0x4000 is 2, 0x4040 is 3.
  weights[1] = {kName, "BF16", {kOut, kIn}, BytesOf(std::vector<uint16_t>(6, 0x3f80))};
  ASSERT_TRUE(Merge(weights).ok());
  weights[1].bytes = BytesOf<uint16_t>({0x4000, 0x4040, 0x3f80, 0x3f80, 0xbf80, 0xc040});
  EXPECT_EQ(folder_.Read("merged"), WeightFile(weights, {{"format", "pt"}, {"x", "y"}}));
}

TEST_F(MergedWeightsTest, AFileWithoutTargetsIsCopied) {
  const fs::path with = Write(Weights());
  const fs::path without = folder_.Write(
      "other", WeightFile({{"lm_head.weight", "F16", {2, 2}, BytesOf<uint16_t>({1, 2, 3, 4})},
                           {"empty", "F32", {0}, ""}}));
  const absl::StatusOr<MergedWeights> merged = MergedWeights::Open({with, without}, Adapter(), 1);
  ASSERT_TRUE(merged.ok()) << merged.status();
  ASSERT_TRUE(merged->Write(1, folder_.path() / "merged", FileSystem::Real(), nullptr).ok());
  EXPECT_EQ(folder_.Read("merged"), folder_.Read("other"));
}

TEST_F(MergedWeightsTest, EveryByteIsTold) {
  const fs::path file = Write(Weights());
  uint64_t bytes = 0;
  ASSERT_TRUE(Open(file)
                  ->Write(0, folder_.path() / "merged", FileSystem::Real(),
                          [&](uint64_t more) {
                            bytes += more;
                            return absl::OkStatus();
                          })
                  .ok());
  EXPECT_EQ(bytes, fs::file_size(file));
}

TEST_F(MergedWeightsTest, AKindThatNothingIsMergedIntoIsNamed) {
  std::vector<WeightToWrite> weights = Weights();
  weights[1] = {kName, "F8_E4M3", {kOut, kIn}, std::string(6, '\x38')};
  const absl::Status refused = Open(Write(weights)).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr(std::string(kName) + " is kept in F8_E4M3"));
}

TEST_F(MergedWeightsTest, AnotherShapeIsNamed) {
  std::vector<WeightToWrite> weights = Weights();
  weights[1].shape = {kIn, kOut};
  const absl::Status refused = Open(Write(weights)).status();
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr(std::string(kName) + " is [2, 3], the adapter's is [3, 2]"));
}

TEST_F(MergedWeightsTest, AWeightThatIsMissingIsNamed) {
  std::vector<WeightToWrite> weights = Weights();
  weights[1].name = "model.layers.0.self_attn.k_proj.weight";
  EXPECT_THAT(std::string(Open(Write(weights)).status().message()),
              HasSubstr(std::string("the base has no ") + kName));
}

TEST_F(MergedWeightsTest, NumbersThatOverflowAreRefused) {
  std::vector<WeightToWrite> weights = Weights();
  weights[1] = {kName, "F16", {kOut, kIn}, BytesOf(std::vector<uint16_t>(6, 0x7bff))};
  AdapterToMerge adapter = Adapter();
  adapter.scale = 1e5;
  const absl::StatusOr<MergedWeights> merged =
      MergedWeights::Open({Write(weights)}, std::move(adapter), 1);
  ASSERT_TRUE(merged.ok());
  const absl::Status written =
      merged->Write(0, folder_.path() / "merged", FileSystem::Real(), nullptr);
  EXPECT_EQ(written.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(written.message()), HasSubstr(std::string(kName) + " has numbers"));
}

TEST_F(MergedWeightsTest, ADiskThatFillsUpIsSaid) {
  const fs::path file = Write(Weights());
  const absl::StatusOr<MergedWeights> merged = Open(file);
  const FileSizeLimit limit(fs::file_size(file) - 1);
  const absl::Status written =
      merged->Write(0, folder_.path() / "merged", FileSystem::Real(), nullptr);
  EXPECT_EQ(written.code(), absl::StatusCode::kResourceExhausted) << written;
}

TEST_F(MergedWeightsTest, WhoWatchesMayEndIt) {
  const absl::StatusOr<MergedWeights> merged = Open(Write(Weights()));
  EXPECT_EQ(merged
                ->Write(0, folder_.path() / "merged", FileSystem::Real(),
                        [](uint64_t) { return absl::CancelledError("stop"); })
                .code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace strata
