// Goal: a run finds what it was begun with, whatever became of the branch since, or is told what is
// damaged. Method: a planned branch with token files; each file of the run changed, cut or removed.
#include "coordinator/run/run_folder.h"

#include "common/json.h"
#include "common/posix_file.h"
#include "gmock/gmock.h"
#include "tests/common/folder.h"
#include "tests/coordinator/plan/planned_branch.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::SizeIs;

class RunFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    branch_.config().max_length = 64;
    branch_.Add("a.jsonl", ManyExamples(9, "a"));
    branch_.Add("b.jsonl", ManyExamples(5, "b"));
    preparation_.catalog = branch_.catalog();
    preparation_.plan = branch_.Make();
    preparation_.chat_template = "{{ messages }}\n";
    for (const std::string name : {"a.jsonl", "b.jsonl"})
      preparation_.tokens.push_back(
          DatasetTokens::Open(CachedTokens(name), 64, ExcessLength::kTruncate).value());
    terms_.request.datasets = {"a.jsonl", "b.jsonl"};
    terms_.request.all = true;
    terms_.base_fingerprint = Sha256Of("the base");
    terms_.settings = {{"lora_r", "8"}, {"seed", "42"}};
  }
  fs::path CachedTokens(const std::string& dataset) {
    return branch_.config().CacheDir() / (dataset + ".tokens");
  }
  absl::Status Write() const { return WriteRunFolder(run_, preparation_, terms_); }
  absl::StatusOr<RunMaterial> Read() { return ReadRunFolder(run_, branch_.config()); }
  // Every file that the run keeps.
  std::vector<fs::path> Files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(run_)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    return files;
  }
  static void Put(const fs::path& file, const std::string& bytes) {
    fs::remove(file);  // of tokens the cache has the same file
    std::ofstream(file, std::ios::binary) << bytes;
  }
  PlannedBranch branch_;
  Folder folder_;
  const fs::path run_ = folder_.path() / "run";
  Preparation preparation_;
  RunTerms terms_;
};

TEST_F(RunFolderTest, GivesBackWhatWasKept) {
  ASSERT_TRUE(Write().ok()) << Write();
  const absl::StatusOr<RunMaterial> read = Read();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->request.all);
  EXPECT_FALSE(read->request.rebuild);
  EXPECT_EQ(read->request.datasets, terms_.request.datasets);
  EXPECT_EQ(read->base_fingerprint, terms_.base_fingerprint);
  EXPECT_EQ(read->settings, terms_.settings);
  EXPECT_EQ(read->chat_template, preparation_.chat_template);
  EXPECT_EQ(DumpJson(PlanToJson(read->plan)), DumpJson(PlanToJson(preparation_.plan)));
}

TEST_F(RunFolderTest, HasEachStagesExamplesAndTokens) {
  ASSERT_TRUE(Write().ok());
  const absl::StatusOr<RunMaterial> read = Read();
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_THAT(read->contents, SizeIs(2));
  for (size_t i = 0; i < 2; ++i) {
    const Dataset& dataset = branch_.catalog().datasets[i];
    ASSERT_EQ(read->plan.stages[i].dataset, dataset.name);
    ASSERT_THAT(read->contents[i], SizeIs(dataset.examples.size()));
    for (size_t line = 0; line < dataset.examples.size(); ++line)
      EXPECT_EQ(read->contents[i][line], dataset.examples[line].content);
    EXPECT_THAT(read->tokens[i].counts(), SizeIs(dataset.examples.size()));
    EXPECT_EQ(read->tokens[i].Read(1)->ids, preparation_.tokens[i]->Read(1)->ids);
  }
}

TEST_F(RunFolderTest, NeedsNothingOfTheCache) {
  ASSERT_TRUE(Write().ok());
  fs::remove_all(branch_.config().CacheDir());
  EXPECT_TRUE(Read().ok()) << Read().status();
}

TEST_F(RunFolderTest, WithoutRunJsonItWasNeverBegun) {
  EXPECT_EQ(Read().status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(Write().ok());
  fs::remove(run_ / "run.json");
  EXPECT_EQ(Read().status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RunFolderTest, AByteThatChangedInAnyFileIsDataLoss) {
  ASSERT_TRUE(Write().ok());
  EXPECT_THAT(Files(), SizeIs(6));  // run.json, plan.json, of two stages tokens and contents
  for (const fs::path& file : Files()) {
    const std::string kept = ReadFile(file, 1 << 20).value();
    std::string changed = kept;
    changed[changed.size() / 2] ^= 1;
    for (const std::string& damaged : {changed, kept.substr(0, kept.size() / 2)}) {
      Put(file, damaged);
      EXPECT_EQ(Read().status().code(), absl::StatusCode::kDataLoss) << file << Read().status();
    }
    Put(file, kept);
  }
  EXPECT_TRUE(Read().ok()) << Read().status();
}

TEST_F(RunFolderTest, AnotherFormatSaysWhatToDo) {
  ASSERT_TRUE(Write().ok());
  Json json = ParseJson(ReadFile(run_ / "run.json", 1 << 20).value(), "it").value();
  json["format"] = 2;
  Put(run_ / "run.json", DumpJson(json));
  const absl::Status status = Read().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(HasSubstr("has format 2"), HasSubstr("train --restart")));
}

TEST_F(RunFolderTest, ACacheThatIsDamagedBeginsNoRunAndIsMadeAnewByTheNext) {
  std::string bytes = ReadFile(CachedTokens("b.jsonl"), 1 << 20).value();
  bytes[bytes.size() / 3] ^= 1;  // among the ids, which are read last
  std::ofstream(CachedTokens("b.jsonl"), std::ios::binary) << bytes;
  preparation_.tokens[1] =
      DatasetTokens::Open(CachedTokens("b.jsonl"), 64, ExcessLength::kTruncate).value();
  EXPECT_TRUE(absl::IsAborted(Write())) << Write();
  EXPECT_FALSE(fs::exists(CachedTokens("b.jsonl")));
  EXPECT_FALSE(fs::exists(run_ / "run.json"));
}

}  // namespace
}  // namespace strata
