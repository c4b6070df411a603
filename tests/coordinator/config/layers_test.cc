// Goal: many branches share defaults, and everyone can tell where a value came from. Method: whole
// branch folders with shared files above them, through LoadConfigWithSources.
#include "coordinator/config/layers.h"

#include <sys/stat.h>

#include <map>

#include "gmock/gmock.h"
#include "tests/coordinator/config/branch_folder.h"

namespace strata {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class ExtendsTest : public testing::Test {
 protected:
  // A file named from the branch's folder.
  std::string Write(const std::string& name, const std::string& text) const {
    const auto path = (branch_.path() / name).lexically_normal();
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  absl::StatusOr<Config> Load(const std::vector<std::string>& overrides = {}) const {
    return LoadConfig(branch_.path(), overrides);
  }
  std::string Refusal() const {
    const absl::Status status = Load().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    return std::string(status.message());
  }
  std::map<std::string, std::string> Sources(const std::vector<std::string>& overrides = {}) const {
    std::map<std::string, std::string> sources;
    const auto loaded = LoadConfigWithSources(branch_.path(), overrides);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    if (!loaded.ok()) return sources;
    for (const Effective& key : loaded->effective) sources[key.key] = key.source;
    return sources;
  }

  BranchFolder branch_;
};

TEST_F(ExtendsTest, TheNearerFileWinsKeyByKey) {
  Write("../defaults.yaml", "lora_r: 8\nlora_alpha: 16\nseed: 1\n");
  branch_.Write("extends: ../defaults.yaml\nmodel_name_or_path: base\nlora_alpha: 4\n");
  const auto config = Load({"seed=7"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->lora_r, 8);
  EXPECT_EQ(config->lora_alpha, 4);
  EXPECT_EQ(config->seed, 7);
}

TEST_F(ExtendsTest, AnAliasInOneFileAndOurKeyInAnotherAreOneSetting) {
  Write("../defaults.yaml", "max_length: 64\n");
  branch_.Write("extends: ../defaults.yaml\nmodel_name_or_path: base\ncutoff_len: 32\n");
  EXPECT_EQ(Load()->max_length, 32);
}

TEST_F(ExtendsTest, BesideALinkedBranchIsBesideTheRealOne) {
  Write("../defaults.yaml", "lora_r: 8\n");
  branch_.Write("extends: ../defaults.yaml\nmodel_name_or_path: base\n");
  const auto link = branch_.path().parent_path() / "links/antropologia";
  Write("../links/defaults.yaml", "lora_r: 4\n");
  std::filesystem::create_directory_symlink(branch_.path(), link);
  const auto loaded = LoadConfigWithSources(link, {});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->config.lora_r, 8);
  for (const Effective& key : loaded->effective) {
    if (key.key != "lora_r") continue;
    EXPECT_EQ(key.source, "../defaults.yaml:1");
  }
}

TEST_F(ExtendsTest, ListsAreReplacedAsWholes) {
  Write("../defaults.yaml",
        "tiers: [{name: a}, {name: b}]\ndatasets: [{file: x.jsonl, exclude: true}]\n");
  branch_.Write("extends: ../defaults.yaml\nmodel_name_or_path: base\ntiers: [{name: c}]\n");
  const auto config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->tiers, ElementsAre(TierConfig{"c"}));
  EXPECT_EQ(config->datasets.size(), 1);
}

TEST_F(ExtendsTest, PathsAreRelativeToTheFileThatHasThem) {
  Write("../../shared/a.yaml", "extends: deep/b.yaml\n");
  Write("../../shared/deep/b.yaml", "model_name_or_path: base\n");
  branch_.Write("extends: ../../shared/a.yaml\n");
  const auto shared = branch_.path().parent_path().parent_path() / "shared";
  EXPECT_EQ(Load()->model_name_or_path, shared / "deep/base");
  EXPECT_EQ(Load()->base_model_name, "base");
  EXPECT_EQ(Load({"model_name_or_path=own"})->model_name_or_path, branch_.path() / "own");
  std::filesystem::remove_all(shared);
}

TEST_F(ExtendsTest, AnAbsolutePathAndASharedFileOfCommentsAreFine) {
  branch_.Write("extends: " + Write("../empty.yaml", "# nothing yet\n") +
                "\nmodel_name_or_path: base\n");
  EXPECT_TRUE(Load().ok()) << Load().status();
}

TEST_F(ExtendsTest, EveryKeyTellsWhereItCameFrom) {
  Write("../defaults.yaml", "# shared\nlora_r: 8\nlora_alpha: 16\n");
  branch_.Write(
      "extends: ../defaults.yaml\nmodel_name_or_path: base\nsequence_len: 64\nlora_alpha: 4\n");
  const auto sources = Sources({"seed=7", "num_epochs=2"});
  EXPECT_EQ(sources.at("lora_r"), "../defaults.yaml:2");
  EXPECT_EQ(sources.at("lora_alpha"), "branch.yaml:4");
  EXPECT_EQ(sources.at("max_length"), "sequence_len at branch.yaml:3");
  EXPECT_EQ(sources.at("seed"), "--set");
  EXPECT_EQ(sources.at("num_train_epochs"), "num_epochs at --set");
  EXPECT_EQ(sources.at("name"), "default");
  EXPECT_EQ(sources.at("tiers"), "default");
}

TEST_F(ExtendsTest, ErrorsNameTheFileAndLineAtFault) {
  const std::string file = Write("../defaults.yaml", "seed: 1\nlora_r: 0\n");
  branch_.Write("extends: ../defaults.yaml\nmodel_name_or_path: base\n");
  EXPECT_THAT(Refusal(), StartsWith(file + ":2: lora_r must be"));
  Write("../defaults.yaml", "seed: 1\ntiers: [{name: a}, {name: a}]\n");
  EXPECT_THAT(Refusal(), StartsWith(file + ":2: tiers: two tiers have one name"));
  Write("../defaults.yaml", "seed: 1\n\textends: x\n");
  EXPECT_THAT(Refusal(), StartsWith(file + ":2: not YAML"));
}

TEST_F(ExtendsTest, ANameIsNotShared) {
  Write("../defaults.yaml", "seed: 1\nname: all\n");
  branch_.Write("extends: ../defaults.yaml\nmodel_name_or_path: base\n");
  EXPECT_THAT(Refusal(), HasSubstr("defaults.yaml:2: name is one branch's own"));
}

TEST_F(ExtendsTest, AFileThatIsNotThereIsTheFaultOfTheLineThatNamesIt) {
  branch_.Write("model_name_or_path: base\nextends: ../defalts.yaml\n");
  EXPECT_THAT(Refusal(), AllOf(StartsWith(branch_.yaml_path() + ":2: extends cannot be followed"),
                               HasSubstr("no such file"), HasSubstr("/defalts.yaml")));
  Write("../defalts.yaml", "extends: nowhere.yaml\n");
  EXPECT_THAT(Refusal(), HasSubstr("defalts.yaml:1: extends cannot be followed"));
  branch_.Write("extends: ..\n");
  EXPECT_THAT(Refusal(), HasSubstr("not a regular file"));
  branch_.Write("extends: pipe\n");
  ASSERT_EQ(mkfifo((branch_.path() / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(Refusal(), HasSubstr("not a regular file"));
}

TEST_F(ExtendsTest, ACircleIsRefusedOnWhateverDetour) {
  branch_.Write("extends: branch.yaml\n");
  EXPECT_THAT(Refusal(), HasSubstr(":1: extends goes in a circle"));
  Write("../a.yaml", "seed: 1\nextends: antropologia/../link.yaml\n");
  std::filesystem::create_symlink(branch_.path() / "branch.yaml",
                                  branch_.path().parent_path() / "link.yaml");
  branch_.Write("extends: ../a.yaml\n");
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("/a.yaml:2: extends"), HasSubstr("circle")));
}

TEST_F(ExtendsTest, AChainMayHaveEightFiles) {
  branch_.Write("extends: 2.yaml\n");
  for (int i = 2; i < 8; ++i)
    Write(std::to_string(i) + ".yaml", "extends: " + std::to_string(i + 1) + ".yaml\n");
  Write("8.yaml", "model_name_or_path: base\nlora_r: 3\n");
  ASSERT_TRUE(Load().ok()) << Load().status();
  EXPECT_EQ(Load()->lora_r, 3);
  Write("8.yaml", "extends: 9.yaml\n");
  Write("9.yaml", "");
  EXPECT_THAT(Refusal(), HasSubstr("8.yaml:1: extends makes a chain of more than 8 files"));
}

TEST_F(ExtendsTest, ExtendsStandsInFilesOnlyAndIsText) {
  branch_.Write("model_name_or_path: base\n");
  EXPECT_THAT(std::string(Load({"extends=x"}).status().message()),
              HasSubstr("extends is read from files only"));
  branch_.Write("extends: [a, b]\n");
  EXPECT_THAT(Refusal(), HasSubstr("extends must be a text, is a list"));
  branch_.Write("extends: ''\n");
  EXPECT_THAT(Refusal(), HasSubstr("extends must not be empty"));
  branch_.Write("extend: a.yaml\n");
  EXPECT_THAT(Refusal(), HasSubstr("the nearest is extends"));
}

}  // namespace
}  // namespace strata
