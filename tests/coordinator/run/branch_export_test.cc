// Goal: an export is the version that was asked for, whole and on the base it was trained on, or it
// is not there and the error says why. Method: versions committed to a branch on the base under
// tests/testdata, with weights of zeros.
#include "coordinator/run/branch_export.h"

#include <set>

#include "common/config_json.h"
#include "common/huggingface/base_weights.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "tests/common/base_folder.h"
#include "tests/common/file_size_limit.h"
#include "tests/coordinator/export/weight_file.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::vector<WeightToWrite> ZeroWeights(const ModelConfig& model) {
  std::vector<WeightToWrite> weights;
  const auto add = [&](const std::string& name, const std::vector<int64_t>& shape) {
    size_t bytes = sizeof(float);
    for (const int64_t size : shape) bytes *= static_cast<size_t>(size);
    weights.push_back({name, "F32", shape, std::string(bytes, '\0')});
  };
  const int64_t hidden = model.hidden_size;
  add("model.embed_tokens.weight", {model.vocab_size, hidden});
  add("model.norm.weight", {hidden});
  for (int64_t i = 0; i < model.num_hidden_layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i);
    add(layer + ".input_layernorm.weight", {hidden});
    add(layer + ".post_attention_layernorm.weight", {hidden});
  }
  for (const Projection& projection : ProjectionsOf(model))
    add(projection.path + ".weight", {projection.out, projection.in});
  return weights;
}

class BranchExportTest : public testing::Test {
 protected:
  BranchExportTest() {
    model_ = ReadModelConfig(base_.path()).value();
    base_.Write("model.safetensors", WeightFile(ZeroWeights(model_)));
    base_.Set("tokenizer_config.json", "chat_template", "the base's");
    base_.Write("pytorch_model.bin", "pickled");
    config_.branch = work_ / "branch";
    config_.model_name_or_path = base_.path();
    config_.lora_target_modules = {"q_proj"};
    config_.lora_r = 1;
  }

  // A version whose adapter is `value` everywhere: its delta is 2 · value².
  Version Commit(float value) {
    BranchStore store = BranchStore::Open(config_.AdaptersDir()).value();
    Candidate candidate;
    candidate.parent = store.current();
    candidate.run = RunId("run-" + std::to_string(store.current().value() + 1));
    candidate.layout = LayoutOf(model_, {1, {"q_proj"}});
    candidate.adapter.assign(static_cast<size_t>(candidate.layout.elements), value);
    candidate.digest = Sha256Of(BytesOf(candidate.adapter));
    candidate.lora_r = 1;
    candidate.lora_alpha = 2;
    candidate.target_modules = {"q_proj"};
    candidate.adapter_name = "adapter";
    candidate.base_model_name = "org/base";
    candidate.base_fingerprint =
        BaseFingerprint(base_.path(), config_.CacheDir() / "sha.json").value();
    candidate.chat_template = "the version's";
    candidate.stages = {{"d.jsonl", "base", Sha256Of(candidate.run.value()), 0, 10, 3, 0.5, ""}};
    candidate.now = std::chrono::system_clock::from_time_t(1761907242 + store.current().value());
    return store.Commit(candidate).value().version;
  }
  absl::StatusOr<ExportResult> ExportOf(const std::string& version, bool merged = false) const {
    return Export(config_, {.folder = Out(),
                            .version = version,
                            .merged = merged,
                            .on_start = nullptr,
                            .on_bytes = nullptr});
  }
  fs::path Out() const { return work_ / "out"; }
  // Everything beside the branch: the export and what it may have left.
  std::set<std::string> Left() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(work_))
      names.insert(entry.path().filename().string());
    names.erase("branch");
    return names;
  }
  float FirstOf(const fs::path& file, const std::string& name) const {
    const SafetensorsFile opened = SafetensorsFile::Open(file).value();
    for (const TensorView& tensor : opened.tensors()) {
      float first = 0;
      std::memcpy(&first, tensor.data, sizeof first);
      if (tensor.name == name) return first;
    }
    return NAN;
  }
  float MergedFirst() const {
    return FirstOf(Out() / "model.safetensors", "model.layers.1.self_attn.q_proj.weight");
  }
  fs::path AdapterFile(const std::string& folder) const {
    return config_.AdaptersDir() / folder / "adapter_model.safetensors";
  }
  static void Damage(const fs::path& file) {
    std::ofstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(-1, std::ios::end)
        << '\x7f';
  }
  BaseFolder base_;
  const fs::path work_ = base_.path() / "work";
  ModelConfig model_;
  Config config_;
};

TEST_F(BranchExportTest, AnAdapterGoesWithTemplateTokenizerAndCard) {
  Commit(1);
  const auto result = ExportOf("current");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->files,
              UnorderedElementsAre("README.md", "adapter_config.json", "adapter_model.safetensors",
                                   "chat_template.jinja", "tokenizer.json", "tokenizer_config.json",
                                   "training_metadata.json"));
  EXPECT_THAT(result->notes, IsEmpty());
  EXPECT_EQ(base_.Read("work/out/adapter_model.safetensors"),
            ReadFile(AdapterFile("versions/v0001"), UINT64_MAX).value());
  EXPECT_EQ(ParseJson(base_.Read("work/out/tokenizer_config.json"), "").value()["chat_template"],
            "the version's");
}

TEST_F(BranchExportTest, MergedWeightsAreTheVersionsThatWasAskedFor) {
  Commit(1);
  Commit(2);
  const std::vector<std::pair<std::string, float>> deltas = {
      {"current", 8}, {"previous", 2}, {"v0001", 2}, {"v0002", 8}};
  for (const auto& [name, delta] : deltas) {
    ASSERT_TRUE(ExportOf(name, true).ok()) << name;
    EXPECT_EQ(MergedFirst(), delta) << name;
    fs::remove_all(Out());
  }
}

TEST_F(BranchExportTest, MergedWeightsAreNoAdapterAndHoldNothingPickled) {
  Commit(1);
  const auto result = ExportOf("current", true);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(
      result->files,
      UnorderedElementsAre("README.md", "chat_template.jinja", "config.json", "model.safetensors",
                           "tokenizer.json", "tokenizer_config.json", "training_metadata.json"));
  EXPECT_EQ(base_.Read("work/out/chat_template.jinja"), "the version's");
}

TEST_F(BranchExportTest, BranchYamlMayHaveChangedSince) {
  Commit(1);
  config_.lora_r = 16;
  config_.lora_alpha = 99;
  config_.lora_target_modules = {"v_proj"};
  ASSERT_TRUE(ExportOf("current", true).ok());
  EXPECT_EQ(MergedFirst(), 2);
}

TEST_F(BranchExportTest, ABackupIsTakenWhereTheVersionIsDamaged) {
  Commit(1);
  Commit(2);
  Damage(AdapterFile("versions/v0001"));
  const auto result = ExportOf("previous", true);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(MergedFirst(), 2);
  ASSERT_EQ(result->notes.size(), 1u);
  EXPECT_THAT(result->notes[0], HasSubstr("backups/backup_current_"));
}

TEST_F(BranchExportTest, ABackupIsTakenByItsName) {
  Commit(1);
  Commit(2);
  const std::string backup = BranchStore::Open(config_.AdaptersDir())->Backups()->front().name;
  fs::remove_all(config_.AdaptersDir() / "versions/v0001");
  const auto result = ExportOf(backup);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->version, Version(1));
  EXPECT_EQ(result->source.filename(), backup);
  EXPECT_THAT(result->notes, IsEmpty());
}

TEST_F(BranchExportTest, ADamagedVersionIsRefused) {
  Commit(1);
  Damage(AdapterFile("versions/v0001"));
  for (const bool merged : {false, true}) {
    const absl::Status refused = ExportOf("current", merged).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(refused.message()), HasSubstr("v0001 is missing or damaged"));
  }
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(BranchExportTest, ABaseWithWeightsInFoldersIsRefusedByTheirName) {
  Commit(1);
  fs::remove(base_.path() / "model.safetensors");
  base_.Write("model.safetensors.index.json", R"({"weight_map": {"a": "parts/1.safetensors"}})");
  const absl::Status refused = ExportOf("current", true).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("parts/1.safetensors"));
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(BranchExportTest, AnotherBaseIsNotMergedInto) {
  Commit(1);
  std::vector<WeightToWrite> weights = ZeroWeights(model_);
  weights[0].bytes[0] = 1;
  base_.Write("model.safetensors", WeightFile(weights));
  const absl::Status refused = ExportOf("current", true).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("not the one that v0001 was trained on"));
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(BranchExportTest, AnAdapterNeedsNoBaseButGoesWithoutAnothersTokenizer) {
  Commit(1);
  base_.Set("config.json", "rope_theta", 5000);
  auto result = ExportOf("current");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(fs::exists(Out() / "tokenizer.json"));
  EXPECT_THAT(result->notes.at(0), HasSubstr("is not the base that it was trained on"));
  fs::remove_all(Out());
  config_.model_name_or_path = "/nowhere";
  result = ExportOf("current");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->notes.at(0), HasSubstr("no weights in /nowhere"));
}

TEST_F(BranchExportTest, AKindThatNothingIsMergedIntoIsRefusedBeforeAnythingIsWritten) {
  std::vector<WeightToWrite> weights = ZeroWeights(model_);
  for (WeightToWrite& weight : weights) weight.dtype = "I32";
  base_.Write("model.safetensors", WeightFile(weights));
  Commit(1);
  EXPECT_THAT(std::string(ExportOf("current", true).status().message()),
              HasSubstr("model.layers.0.self_attn.q_proj.weight is kept in I32"));
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(BranchExportTest, AFolderThatHoldsSomethingIsLeftAlone) {
  Commit(1);
  base_.Write("work/out/theirs", "x");
  EXPECT_EQ(ExportOf("current").status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(Left(), UnorderedElementsAre("out"));
}

TEST_F(BranchExportTest, ADiskThatFillsUpLeavesNothing) {
  Commit(1);
  // Below every file's size but the last's, the weights.
  const FileSizeLimit limit(fs::file_size(base_.path() / "model.safetensors") - 1);
  const absl::Status failed = ExportOf("current", true).status();
  EXPECT_EQ(failed.code(), absl::StatusCode::kResourceExhausted) << failed;
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(BranchExportTest, WhatDoesNotExistIsSaid) {
  EXPECT_THAT(std::string(ExportOf("current").status().message()), HasSubstr("no adapter yet"));
  Commit(1);
  for (const char* name : {"v0002", "previous", "nobody", "../branch", ""})
    EXPECT_EQ(ExportOf(name).status().code(), absl::StatusCode::kNotFound) << name;
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(BranchExportTest, NothingIsExportedAmongTheAdapters) {
  Commit(1);
  fs::create_directory_symlink(config_.AdaptersDir() / "versions", work_ / "branch" / "link");
  for (const fs::path& folder :
       {config_.AdaptersDir() / "versions/v0009", config_.AdaptersDir() / "mine",
        config_.branch / "link/v0009", config_.AdaptersDir() / "../lora_adapters/x"}) {
    const auto refused = Export(config_, {.folder = folder,
                                          .version = "current",
                                          .merged = false,
                                          .on_start = nullptr,
                                          .on_bytes = nullptr});
    EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << folder;
    EXPECT_FALSE(fs::exists(folder));
  }
}

}  // namespace
}  // namespace strata
