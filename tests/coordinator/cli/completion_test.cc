// Goal: what Tab offers is what the command line accepts. Method: a small tree of commands, and
// lines that end at every kind of word.
#include "coordinator/cli/completion.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CompletionTest : public testing::Test {
 protected:
  CompletionTest() {
    CLI::App* train = app_.add_subcommand("train", "Train it");
    train->add_option("-C,--branch", branch_, "Where")->type_name("DIR");
    train->add_option("--dataset", datasets_, "Which")
        ->allow_extra_args(false)
        ->type_name("DATASET");
    train->add_option("--device", device_)->check(CLI::IsMember({"auto", "cpu", "cuda"}));
    train->add_option("--log", device_)->type_name("FILE");
    train->add_flag("--all", all_, "Everything");
    app_.add_subcommand("restore")->add_option("NAME", branch_)->type_name("VERSION");
    app_.add_subcommand("__complete")->group("");
  }
  Completion Complete(const std::vector<std::string>& words) {
    return strata::Complete(app_, words,
                            [](const std::string& type, const std::string& branch,
                               const std::string& word) -> Completion {
                              return {Completion::Kind::kWords, {{type + " of " + branch}}};
                            });
  }
  std::vector<std::string> Offers(const std::vector<std::string>& words) {
    std::vector<std::string> texts;
    for (const OfferedWord& word : Complete(words).offers) texts.push_back(word.text);
    return texts;
  }

  CLI::App app_{"about", "strata"};
  std::string branch_, device_;
  std::vector<std::string> datasets_;
  bool all_ = false;
};

TEST_F(CompletionTest, ALineBeginsWithACommandThatIsNotHidden) {
  EXPECT_THAT(Offers({""}), ElementsAre("train", "restore"));
  EXPECT_THAT(Offers({"tr"}), ElementsAre("train"));
  EXPECT_THAT(Offers({}), ElementsAre("train", "restore"));
  EXPECT_EQ(Complete({"tr"}).offers[0].about, "Train it");
}

TEST_F(CompletionTest, ACommandOffersItsOptions) {
  EXPECT_THAT(Offers({"train", "--d"}), ElementsAre("--dataset", "--device"));
  EXPECT_THAT(Offers({"train", ""}),
              ElementsAre("--help", "--branch", "--dataset", "--device", "--log", "--all"));
}

TEST_F(CompletionTest, AnOptionThatIsSpentIsNotOfferedAgainARepeatableOneIs) {
  EXPECT_THAT(Offers({"train", "--device", "cpu", "--dataset", "x", "--d"}),
              ElementsAre("--dataset"));
  EXPECT_THAT(Offers({"train", "-C", "x", "--b"}), IsEmpty());
}

TEST_F(CompletionTest, ChoicesComeFromTheOptionsOwnCheck) {
  EXPECT_THAT(Offers({"train", "--device", ""}), ElementsAre("auto", "cpu", "cuda"));
  EXPECT_THAT(Offers({"train", "--device", "c"}), ElementsAre("cpu", "cuda"));
  EXPECT_THAT(Offers({"train", "--device=c"}), ElementsAre("--device=cpu", "--device=cuda"));
}

TEST_F(CompletionTest, ValuesAreOfTheBranchThatTheLineNames) {
  EXPECT_THAT(Offers({"train", "--dataset", ""}), ElementsAre("DATASET of ."));
  for (const std::vector<std::string>& branch :
       {std::vector<std::string>{"-C", "b"}, {"-Cb"}, {"--branch", "b"}, {"--branch=b"}}) {
    std::vector<std::string> words = {"train"};
    words.insert(words.end(), branch.begin(), branch.end());
    words.insert(words.end(), {"--dataset", ""});
    EXPECT_THAT(Offers(words), ElementsAre("DATASET of b"));
  }
}

TEST_F(CompletionTest, FilesAndFoldersAreLeftToTheShell) {
  EXPECT_EQ(Complete({"train", "-C", ""}).kind, Completion::Kind::kFolders);
  EXPECT_EQ(Complete({"train", "--log", "x"}).kind, Completion::Kind::kFiles);
}

TEST_F(CompletionTest, APositionalIsOfferedOnce) {
  EXPECT_THAT(Offers({"restore", ""}), ElementsAre("VERSION of ."));
  EXPECT_THAT(Offers({"restore", "v0001", ""}), ElementsAre("--help"));
}

TEST_F(CompletionTest, ALineThatIsWrongOffersNothing) {
  EXPECT_THAT(Offers({"trian", ""}), IsEmpty());
  EXPECT_THAT(Offers({"train", "--devise=c"}), IsEmpty());
  EXPECT_THAT(Offers({"train", "--device", "tpu"}), IsEmpty());
}

}  // namespace
}  // namespace strata
