// Goal: what goes along with an export is what servers read, and never weights. Method: a folder of
// every kind of file that bases are published with.
#include "coordinator/export/base_files.h"

#include "absl/status/status.h"
#include "common/json.h"
#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

std::vector<std::string> NamesOf(const std::vector<fs::path>& files) {
  std::vector<std::string> names;
  for (const fs::path& file : files) names.push_back(file.filename().string());
  return names;
}

class BaseFilesTest : public testing::Test {
 protected:
  BaseFilesTest() {
    for (const char* name : {"config.json",
                             "generation_config.json",
                             "tokenizer.json",
                             "tokenizer_config.json",
                             "special_tokens_map.json",
                             "added_tokens.json",
                             "merges.txt",
                             "tokenizer.model",
                             "chat_template.jinja",
                             "LICENSE.txt",
                             "Notice",
                             "README.md",
                             ".gitattributes",
                             "pytorch_model.bin",
                             "pytorch_model.bin.index.json",
                             "model.safetensors",
                             "model.safetensors.index.json",
                             "model.gguf",
                             "training_args.bin",
                             "adapter_config.json",
                             "consolidated.00.pth",
                             "tokenizer.json.bak",
                             "vocab.json/inside"}) {
      folder_.Write(name, "x");
    }
  }
  Folder folder_;
};

TEST_F(BaseFilesTest, ATokenizersFilesAreFoundByName) {
  EXPECT_THAT(NamesOf(TokenizerFiles(folder_.path())),
              ElementsAre("added_tokens.json", "merges.txt", "special_tokens_map.json",
                          "tokenizer.json", "tokenizer.model", "tokenizer_config.json"));
}

TEST_F(BaseFilesTest, WeightsNeverGoAlong) {
  EXPECT_THAT(
      NamesOf(FilesBesideWeights(folder_.path())),
      ElementsAre("LICENSE.txt", "Notice", "added_tokens.json", "chat_template.jinja",
                  "config.json", "generation_config.json", "merges.txt", "special_tokens_map.json",
                  "tokenizer.json", "tokenizer.model", "tokenizer_config.json"));
}

TEST_F(BaseFilesTest, AFolderThatIsNotThereHasNone) {
  EXPECT_TRUE(TokenizerFiles(folder_.path() / "nowhere").empty());
}

TEST(WithChatTemplateTest, TheBasesOwnTemplateGivesWay) {
  const std::string other = R"({"a": 1, "chat_template": [{"name": "default"}], "z": 2})";
  const auto json = ParseJson(WithChatTemplate(other, "{{ mine }}", "t").value(), "t");
  EXPECT_EQ(*json, Json({{"a", 1}, {"chat_template", "{{ mine }}"}, {"z", 2}}));
}

TEST(WithChatTemplateTest, NothingElseIsTouched) {
  for (const char* kept : {R"({"b" :1,"a":1e30})", R"({"chat_template":  "{{ mine }}"})"})
    EXPECT_EQ(WithChatTemplate(kept, "{{ mine }}", "t").value(), kept);
}

TEST(WithChatTemplateTest, WhatIsNoObjectIsRefused) {
  EXPECT_TRUE(absl::IsDataLoss(WithChatTemplate("[]", "x", "t").status()));
  EXPECT_TRUE(absl::IsDataLoss(WithChatTemplate("{", "x", "t").status()));
}

}  // namespace
}  // namespace strata
