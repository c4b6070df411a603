// Goal: the datasets of a branch in the order of training, each with what it is and what is wrong
// with it. Method: folders of small files; the twelve names of the system that strata replaces are
// the golden order.
#include "coordinator/catalog/catalog.h"

#include <sys/stat.h>

#include <map>

#include "coordinator/catalog/example.h"
#include "gmock/gmock.h"
#include "tests/coordinator/catalog/training_folder.h"

namespace strata {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;

class CatalogTest : public testing::Test {
 protected:
  Catalog Read() {
    auto catalog = ReadCatalog(folder_.config());
    EXPECT_TRUE(catalog.ok()) << catalog.status();
    return catalog.ok() ? *std::move(catalog) : Catalog();
  }
  Dataset ReadOne(const std::string& text) {
    folder_.Write("a.jsonl", text);
    return Read().datasets.at(0);
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const Dataset& dataset : Read().datasets) names.push_back(dataset.name);
    return names;
  }

  TrainingFolder folder_;
};

TEST_F(CatalogTest, TheTwelveDatasetsHaveTheirTiersAndOrder) {
  const std::vector<std::vector<std::string>> order = {
      {"premium_complete_optimized_premium_dataset_migrated.jsonl",
       "complete_optimized_premium_dataset.jsonl",
       "premium_premium_training_dataset_migrated.jsonl", "adapter_premium_training_dataset.jsonl"},
      {"train_improved.jsonl", "incremental_train_improved_migrated.jsonl",
       "supplementary_improved.jsonl", "incremental_supplementary_improved_migrated.jsonl"},
      {"supplementary_data_migrated.jsonl", "supplementary_data.jsonl"},
      {"train_migrated.jsonl", "train.jsonl"}};
  std::vector<std::pair<std::string, std::string>> expected, found;
  for (size_t tier = 0; tier < order.size(); ++tier) {
    folder_.config().tiers[tier].order = order[tier];
    for (const std::string& name : order[tier]) {
      folder_.Write(name, GoodLine(name));
      expected.emplace_back(folder_.config().tiers[tier].name, name);
    }
  }
  ASSERT_TRUE(Validate(folder_.config()).ok()) << Validate(folder_.config());
  for (const Dataset& dataset : Read().datasets) found.emplace_back(dataset.tier, dataset.name);
  EXPECT_THAT(found, ElementsAreArray(expected));
}

TEST_F(CatalogTest, UnlistedFilesFollowByNameAndUnclaimedOnesComeLast) {
  folder_.config().tiers[3].order = {"train_c.jsonl"};
  for (const char* name : {"train_b.jsonl", "train_c.jsonl", "train_a.jsonl", "aaa.jsonl",
                           "Zzz.jsonl", "x_Premium.jsonl"}) {
    folder_.Write(name, GoodLine(name));
  }
  EXPECT_THAT(Names(), ElementsAre("x_Premium.jsonl", "train_c.jsonl", "train_a.jsonl",
                                   "train_b.jsonl", "Zzz.jsonl", "aaa.jsonl"));
  EXPECT_EQ(Read().datasets.back().tier, "");
}

TEST_F(CatalogTest, FilesOfOtherNamesAreToldAndNotRead) {
  for (const char* name : {"b.json", "a.txt", "good.jsonl", ".hidden"})
    folder_.Write(name, GoodLine(name));
  EXPECT_THAT(Names(), ElementsAre("good.jsonl"));
  EXPECT_THAT(Read().others, ElementsAre("a.txt", "b.json"));
}

TEST_F(CatalogTest, ADatasetsOwnWordGoesBeforeItsTiersAndTheBranchs) {
  folder_.config().tiers[0].num_train_epochs = 5;
  folder_.config().tiers[0].learning_rate = 1e-5;
  folder_.config().datasets = {{"b_premium.jsonl", {}, 7}, {"c.jsonl", "premium", {}, 0.5, true}};
  for (const char* name : {"a_premium.jsonl", "b_premium.jsonl", "c.jsonl", "d.jsonl"})
    folder_.Write(name, GoodLine(name));
  const Catalog catalog = Read();
  const auto is = [&](size_t i, const std::string& name, uint32_t epochs, double rate,
                      bool excluded) {
    const Dataset& dataset = catalog.datasets.at(i);
    return dataset.name == name && dataset.num_train_epochs == epochs &&
           dataset.learning_rate == rate && dataset.excluded == excluded;
  };
  EXPECT_TRUE(is(0, "a_premium.jsonl", 5, 1e-5, false));
  EXPECT_TRUE(is(1, "b_premium.jsonl", 7, 1e-5, false));
  EXPECT_TRUE(is(2, "c.jsonl", 5, 0.5, true));
  EXPECT_TRUE(is(3, "d.jsonl", 3, 2e-4, false));
}

TEST_F(CatalogTest, ExamplesSayWhereTheyLie) {
  const std::string text =
      "\xEF\xBB\xBF" + GoodLine("uno") + "\n \t\n" + "{\"text\": \"dos\"}\r\n{\"text\": \"tres\"}";
  const Dataset dataset = ReadOne(text);
  ASSERT_EQ(dataset.examples.size(), 3);
  EXPECT_EQ(dataset.sha256, Sha256Of(text));
  EXPECT_EQ(dataset.bytes, text.size());
  ExampleReader reader;
  std::vector<uint32_t> lines;
  for (const ExampleEntry& entry : dataset.examples) {
    Example example;
    ASSERT_TRUE(
        reader.Read(std::string_view(text).substr(entry.offset, entry.bytes), &example).ok());
    EXPECT_EQ(entry.content, ContentDigest(example));
    EXPECT_EQ(entry.prompt, PromptDigest(example));
    lines.push_back(entry.line);
  }
  EXPECT_THAT(lines, ElementsAre(1, 4, 5));
}

TEST_F(CatalogTest, BadLinesAreCountedWithTheirReasons) {
  const Dataset dataset =
      ReadOne(GoodLine("a") + "{\"text\": 3}\n\n" + GoodLine("b") + "{\"text\": \"cut");
  EXPECT_EQ(dataset.examples.size(), 2);
  ASSERT_EQ(dataset.bad_line_count, 2);
  EXPECT_EQ(dataset.bad_lines[0].line, 2);
  EXPECT_EQ(dataset.bad_lines[0].reason, "text is a number, not a text");
  EXPECT_EQ(dataset.bad_lines[1].line, 5);
  EXPECT_THAT(dataset.bad_lines[1].reason, HasSubstr("may be cut"));
}

TEST_F(CatalogTest, OnlyTheFirstBadLinesAreKept) {
  std::string text;
  for (int i = 0; i < 250; ++i) text += "roto\n";
  const Dataset dataset = ReadOne(text);
  EXPECT_EQ(dataset.bad_line_count, 250);
  EXPECT_EQ(dataset.bad_lines.size(), kBadLinesKept);
  EXPECT_THAT(dataset.examples, IsEmpty());
}

TEST_F(CatalogTest, ALineThatIsTooLongIsBadAndTheNextIsGood) {
  const std::string word(kLineBytesMax, 'x');
  const Dataset dataset = ReadOne("{\"text\": \"" + word + "\"}\n" + GoodLine("a"));
  ASSERT_EQ(dataset.bad_line_count, 1);
  EXPECT_EQ(dataset.bad_lines[0].reason, "longer than 16 MiB");
  ASSERT_EQ(dataset.examples.size(), 1);
  EXPECT_EQ(dataset.examples[0].offset, word.size() + 13);
}

TEST_F(CatalogTest, EmptyFilesStayInTheCatalog) {
  folder_.Write("b.jsonl", "");
  folder_.Write("c.jsonl", "\n\n");
  EXPECT_THAT(Names(), ElementsAre("b.jsonl", "c.jsonl"));
  EXPECT_EQ(Read().datasets[0].sha256, Sha256Of(""));
}

TEST_F(CatalogTest, OnlyRegularFilesOfTheRightNameAreDatasets) {
  for (const char* name : {"a.json", "a.jsonl.bak", ".hidden.jsonl", "._a.jsonl", "README.md"})
    folder_.Write(name, "roto");
  std::filesystem::create_directory(folder_.PathOf("folder.jsonl"));
  ASSERT_EQ(mkfifo(folder_.PathOf("pipe.jsonl").c_str(), 0600), 0);
  folder_.Write("real", GoodLine("a"));
  std::filesystem::create_symlink("real", folder_.PathOf("link.jsonl"));
  EXPECT_THAT(Names(), ElementsAre("link.jsonl"));
}

TEST_F(CatalogTest, FilesThatBranchYamlNamesAndTrainingLacksAreListed) {
  folder_.config().tiers[3].order = {"train_z.jsonl", "train.jsonl"};
  folder_.config().datasets = {{"gone.jsonl"}, {"train_z.jsonl"}};
  folder_.Write("train.jsonl", GoodLine("a"));
  EXPECT_THAT(Read().missing, ElementsAre("gone.jsonl", "train_z.jsonl"));
}

TEST_F(CatalogTest, ABranchWithoutTrainingFolderSaysWhatToMake) {
  std::filesystem::remove(folder_.config().TrainingDir());
  const absl::Status status = ReadCatalog(folder_.config()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("make it"), HasSubstr(folder_.config().TrainingDir().string())));
  std::ofstream(folder_.config().TrainingDir()) << "a file";
  EXPECT_EQ(ReadCatalog(folder_.config()).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(CatalogTest, AFileThatCannotBeReadIsNeverLeftOut) {
  std::filesystem::create_symlink("nowhere", folder_.PathOf("link.jsonl"));
  folder_.Write("train.jsonl", GoodLine("a"));
  const Catalog catalog = Read();
  ASSERT_THAT(Names(), ElementsAre("train.jsonl", "link.jsonl"));
  EXPECT_EQ(catalog.datasets[0].examples.size(), 1u);
  ASSERT_EQ(catalog.datasets[1].bad_lines.size(), 1u);
  EXPECT_THAT(catalog.datasets[1].bad_lines[0].reason, HasSubstr("does its link lead nowhere"));
  std::filesystem::remove(folder_.PathOf("link.jsonl"));
  // A regular file whose reading fails for anyone, root too.
  std::filesystem::create_symlink("/proc/self/mem", folder_.PathOf("a.jsonl"));
  EXPECT_EQ(ReadCatalog(folder_.config()).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(CatalogTest, ANameThatIsNotTextIsRefused) {
  for (const char* name : {"a\xFF.jsonl", "a\nb.jsonl"}) {
    folder_.Write(name, GoodLine("a"));
    EXPECT_EQ(ReadCatalog(folder_.config()).status().code(), absl::StatusCode::kDataLoss) << name;
    std::filesystem::remove(folder_.PathOf(name));
  }
}

TEST_F(CatalogTest, AFileOutsideTrainingIsADatasetWithoutTier) {
  folder_.Write("train_premium.jsonl", GoodLine("a") + GoodLine("a") + "roto\n");
  const auto dataset = ReadDataset(folder_.config(), folder_.PathOf("train_premium.jsonl"));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->name, "train_premium.jsonl");
  EXPECT_EQ(dataset->tier, "");
  EXPECT_EQ(dataset->examples.size(), 2);
  EXPECT_EQ(dataset->duplicates_within, 1);
  EXPECT_EQ(dataset->num_train_epochs, 3);
  EXPECT_EQ(ReadDataset(folder_.config(), "/nowhere.jsonl").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadDataset(folder_.config(), folder_.config().branch).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace strata
