// Goal: the folders of the old layout are told apart by what they hold, in the order of their age.
// Method: small adapters of one value each, under the names that the old system gave.
#include "coordinator/run/original_layout.h"

#include "common/config_json.h"
#include "common/huggingface/safetensors.h"
#include "common/json.h"
#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class OriginalLayoutTest : public testing::Test {
 protected:
  OriginalLayoutTest() : model_(ReadModelConfig(STRATA_TESTDATA "/base").value()) {}
  // An adapter of `value` everywhere; "" writes no metadata.
  void Put(const std::string& name, float value, const std::string& last_updated = "") const {
    const AdapterLayout layout = LayoutOf(model_, {1, {"q_proj"}});
    const std::vector<float> values(static_cast<size_t>(layout.elements), value);
    std::vector<MatrixToWrite> matrices;
    for (const AdapterTensor& tensor : layout.tensors)
      matrices.push_back({tensor.name, tensor.rows, tensor.columns, values.data()});
    folder_.Write(name + "/adapter_model.safetensors", SafetensorsBytes(matrices).value());
    folder_.Write(name + "/adapter_config.json", R"({"r": 1, "lora_alpha": 2})");
    if (last_updated.empty()) return;
    folder_.Write(name + "/training_metadata.json", DumpJson({{"last_updated", last_updated}}));
  }
  absl::StatusOr<OriginalLayout> Read() const {
    return ReadOriginalLayout(folder_.path(), model_, "org/base");
  }
  // The first name of each adapter, in order.
  std::vector<std::string> Order() const {
    const auto layout = Read();
    EXPECT_TRUE(layout.ok()) << layout.status();
    std::vector<std::string> names;
    for (const OldAdapter& adapter : layout->adapters) names.push_back(adapter.names[0]);
    return names;
  }
  const ModelConfig model_;
  Folder folder_;
};

TEST_F(OriginalLayoutTest, CopiesAreOneAdapterUnderAllOfTheirNames) {
  Put("current", 3, "2025-11-02T08:30:00");
  Put("previous", 3, "2025-11-02T08:30:00");
  Put("backups/backup_current_20251031_104042", 2, "2025-10-31T10:00:00.123456");
  Put("antropologia_trained_2025", 2, "2025-10-31T10:00:00.123456");
  const OriginalLayout layout = Read().value();
  ASSERT_THAT(layout.adapters, SizeIs(2));
  EXPECT_THAT(layout.adapters[0].names,
              ElementsAre("backup_current_20251031_104042", "antropologia_trained_2025"));
  EXPECT_EQ(layout.adapters[0].time, "2025-10-31T10:00:00");
  EXPECT_THAT(layout.adapters[1].names, ElementsAre("current", "previous"));
  EXPECT_TRUE(layout.previous_was_current);
}

TEST_F(OriginalLayoutTest, TheirOrderIsTheirAgeButForCurrentAndPrevious) {
  Put("current", 9, "2020-01-01T00:00:00");
  Put("previous", 8, "2020-01-02T00:00:00");
  Put("backups/backup_current_20251031_104042", 7, "2025-03-01 00:00:00");
  Put("backups/backup_current_20240101_000000", 6, "yesterday");
  Put("a_snapshot", 5, "2024-06-01T00:00:00Z");
  EXPECT_THAT(Order(), ElementsAre("backup_current_20240101_000000", "a_snapshot",
                                   "backup_current_20251031_104042", "previous", "current"));
  EXPECT_FALSE(Read()->previous_was_current);
}

TEST_F(OriginalLayoutTest, TheSameValuesAtAnotherScaleAreAnotherAdapter) {
  Put("current", 1);
  Put("previous", 1);
  folder_.Write("previous/adapter_config.json", R"({"r": 1, "lora_alpha": 4})");
  EXPECT_THAT(Order(), ElementsAre("previous", "current"));
}

TEST_F(OriginalLayoutTest, ItIsReadFromTheCopyThatHasAHistory) {
  Put("current", 1);
  Put("previous", 1, "2025-11-02T08:30:00");
  EXPECT_EQ(Read()->adapters[0].folder.filename(), "previous");
}

TEST_F(OriginalLayoutTest, WhatCannotBeTakenIsLeftWithItsReason) {
  Put("current", 1);
  Put("backups/backup_current_20251031_104042", 0);
  Put("backups/backup_previous_20251031_104042", 2);
  folder_.Write("backups/backup_previous_20251031_104042/adapter_model.safetensors", "cut");
  folder_.Write("notes/a.txt", "");
  std::filesystem::create_directories(folder_.path() / "versions");
  const OriginalLayout layout = Read().value();
  EXPECT_THAT(layout.adapters, SizeIs(1));
  ASSERT_THAT(layout.left, SizeIs(3));
  EXPECT_THAT(layout.left[0].reason, HasSubstr("every lora_B is zero"));
  EXPECT_EQ(layout.left[1].name, "backup_previous_20251031_104042");
  EXPECT_EQ(layout.left[2].name, "notes");
}

TEST_F(OriginalLayoutTest, ACurrentThatCannotBeTakenIsAnError) {
  Put("current", 0);
  Put("previous", 1);
  EXPECT_TRUE(absl::IsDataLoss(Read().status())) << Read().status();
}

TEST_F(OriginalLayoutTest, OnlyARealFolderWithAnAdapterIsOne) {
  EXPECT_FALSE(IsOriginalLayout(folder_.path()));
  std::filesystem::create_directories(folder_.path() / "current");
  EXPECT_FALSE(IsOriginalLayout(folder_.path()));
  Put("current", 1);
  EXPECT_TRUE(IsOriginalLayout(folder_.path()));
  std::filesystem::rename(folder_.path() / "current", folder_.path() / "elsewhere");
  std::filesystem::create_directory_symlink("elsewhere", folder_.path() / "current");
  EXPECT_FALSE(IsOriginalLayout(folder_.path()));
}

}  // namespace
}  // namespace strata
