// Goal: a dataset is tokenised once for what it holds and how it is read, in the order of its
// lines, and never from another file than the catalog saw. Method: branches with small datasets,
// whose cache or dataset a test changes behind the store's back.
#include "coordinator/tokens/token_store.h"

#include "common/status_macros.h"
#include "coordinator/tokens/conversation_text.h"
#include "coordinator/tokens/example_tokenizer.h"
#include "gmock/gmock.h"
#include "tests/common/base_folder.h"
#include "tests/coordinator/catalog/training_folder.h"
#include "tests/coordinator/tokens/tokenized.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class TokenStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    config().model_name_or_path = base_.path();
    folder_.Write("a.jsonl", GoodLine("uno") + "roto\n" + GoodLine("dos"));
  }
  Config& config() { return folder_.config(); }
  Dataset Seen(const std::string& name = "a.jsonl") {
    return ReadDataset(config(), folder_.PathOf(name)).value();
  }
  absl::StatusOr<DatasetTokens> TryTokens(const Dataset& dataset) {
    ASSIGN_OR_RETURN(const TokenStore store, TokenStore::Open(config()));
    tokenised_bytes_ = 0;
    return store.TokensOf(dataset, [&](uint64_t done, uint64_t) { tokenised_bytes_ = done; });
  }
  std::vector<TokenizedExample> Tokens(const Dataset& dataset) {
    std::vector<TokenizedExample> examples;
    const absl::StatusOr<DatasetTokens> tokens = TryTokens(dataset);
    EXPECT_TRUE(tokens.ok()) << tokens.status();
    for (uint32_t i = 0; tokens.ok() && i < tokens->counts().size(); ++i)
      examples.push_back(tokens->Read(i).value());
    return examples;
  }
  bool CameFromTheCache() const { return tokenised_bytes_ == 0; }
  std::vector<fs::path> Caches() {
    std::vector<fs::path> files;
    if (!fs::exists(config().CacheDir() / "tokens")) return files;
    for (const auto& entry : fs::directory_iterator(config().CacheDir() / "tokens"))
      files.push_back(entry.path());
    return files;
  }
  // What each line's own text gives, without a store.
  std::vector<TokenizedExample> Expected(const std::vector<std::string>& questions) {
    const auto tokenizer =
        ExampleTokenizer::Open(base_.path(), TokenizerSettingsOf(config()).value());
    std::vector<TokenizedExample> examples;
    for (const std::string& question : questions) {
      Example example;
      example.messages = {{"user", question}, {"assistant", "La respuesta."}};
      examples.push_back(tokenizer->Tokenize(example).value());
    }
    return examples;
  }
  void ExpectRefused(const Dataset& dataset, absl::StatusCode code, const std::string& why) {
    const absl::Status status = TryTokens(dataset).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  }

  BaseFolder base_;
  TrainingFolder folder_;
  uint64_t tokenised_bytes_ = 0;
};

TEST_F(TokenStoreTest, GoodLinesAreTokenisedInTheirOrder) {
  EXPECT_EQ(Tokens(Seen()), Expected({"uno", "dos"}));
  EXPECT_EQ(tokenised_bytes_, Seen().bytes - 1);  // to the end of the last good line
}

TEST_F(TokenStoreTest, ManyExamplesKeepTheirOrderOverThreads) {
  std::vector<std::string> questions;
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    questions.push_back("pregunta " + std::to_string(i * 7919));
    text += GoodLine(questions.back());
  }
  folder_.Write("a.jsonl", text);
  EXPECT_EQ(Tokens(Seen()), Expected(questions));
}

TEST_F(TokenStoreTest, AFileOfManyBlocksKeepsItsOrder) {
  const std::string ignored(3 << 20, 'x');
  std::string text;
  for (const char* question : {"1", "2", "3", "4", "5"}) {
    text += "{\"other\": \"" + ignored + "\", \"question\": \"" + question +
            "\", \"answer\": \"La respuesta.\"}\n";
  }
  folder_.Write("a.jsonl", text);
  EXPECT_EQ(Tokens(Seen()), Expected({"1", "2", "3", "4", "5"}));
}

TEST_F(TokenStoreTest, ADatasetWithoutGoodLinesHasNoTokens) {
  folder_.Write("a.jsonl", "roto\n\n");
  EXPECT_TRUE(Tokens(Seen()).empty());
  EXPECT_EQ(Caches().size(), 1u);
}

TEST_F(TokenStoreTest, EqualBytesAreTokenisedOnceWhateverTheirName) {
  const auto first = Tokens(Seen());
  EXPECT_FALSE(CameFromTheCache());
  fs::copy_file(folder_.PathOf("a.jsonl"), folder_.PathOf("b.jsonl"));
  EXPECT_EQ(Tokens(Seen("b.jsonl")), first);
  EXPECT_TRUE(CameFromTheCache());
  EXPECT_EQ(Caches().size(), 1u);
}

TEST_F(TokenStoreTest, AChangedLineIsAnotherCache) {
  Tokens(Seen());
  folder_.Write("a.jsonl", GoodLine("uno") + "roto\n" + GoodLine("tres"));
  EXPECT_EQ(Tokens(Seen()), Expected({"uno", "tres"}));
  EXPECT_FALSE(CameFromTheCache());
  EXPECT_EQ(Caches().size(), 2u);
}

TEST_F(TokenStoreTest, AnotherTokenizerOrSettingIsAnotherCache) {
  Tokens(Seen());
  config().completion_only_loss = false;
  EXPECT_EQ(Tokens(Seen()), Expected({"uno", "dos"}));
  EXPECT_FALSE(CameFromTheCache());
  base_.Set("tokenizer_config.json", "eos_token", "<s>");
  EXPECT_EQ(Tokens(Seen())[0].ids.back(), 0u);
  EXPECT_FALSE(CameFromTheCache());
  base_.Write("tokenizer.json", base_.Read("tokenizer.json") + "\n");
  Tokens(Seen());
  EXPECT_FALSE(CameFromTheCache());
  EXPECT_EQ(Caches().size(), 4u);
}

TEST_F(TokenStoreTest, MaxLengthAndStrategyShareOneCache) {
  Tokens(Seen());
  config().max_length = 8;
  EXPECT_EQ(Tokens(Seen())[0].ids.size(), 8u);
  EXPECT_TRUE(CameFromTheCache());
  config().excess_length_strategy = ExcessLength::kDrop;
  EXPECT_EQ(TryTokens(Seen())->counts()[0].refusal, Refusal::kTooLong);
  EXPECT_TRUE(CameFromTheCache());
}

TEST_F(TokenStoreTest, ADamagedCacheIsMadeAnew) {
  const auto right = Tokens(Seen());
  const fs::path cache = Caches().at(0);
  const std::string whole = ReadFile(cache, UINT64_MAX).value();
  const std::string cut = whole.substr(0, whole.size() / 2), none;
  for (const std::string& bytes : {cut, none, whole + "x", std::string("foreign")}) {
    std::ofstream(cache, std::ios::binary) << bytes;
    EXPECT_EQ(Tokens(Seen()), right);
    EXPECT_FALSE(CameFromTheCache());
    EXPECT_EQ(ReadFile(cache, UINT64_MAX).value(), whole);
  }
}

TEST_F(TokenStoreTest, ACacheWithAnotherNumberOfExamplesIsMadeAnew) {
  const auto right = Tokens(Seen());
  WriteTokens(Caches().at(0), {right[0]});
  EXPECT_EQ(Tokens(Seen()), right);
}

TEST_F(TokenStoreTest, ADatasetThatChangesBehindTheCatalogIsRefused) {
  const Dataset seen = Seen();
  for (const std::string& text :
       {GoodLine("UNO") + "roto\n" + GoodLine("dos"), GoodLine("uno") + "roto\n",
        GoodLine("uno") + "roto\n" + GoodLine("dos").replace(0, 1, "["), std::string()}) {
    folder_.Write("a.jsonl", text);
    ExpectRefused(seen, absl::StatusCode::kUnavailable, "a.jsonl changed while it was read");
  }
  fs::remove(folder_.PathOf("a.jsonl"));
  ExpectRefused(seen, absl::StatusCode::kUnavailable, "a.jsonl changed while it was read");
  EXPECT_TRUE(Caches().empty());
}

TEST_F(TokenStoreTest, RaiseNamesTheFirstLineThatIsTooLong) {
  const std::string word(300, 'x');
  folder_.Write("a.jsonl", GoodLine("uno") + "\n" + GoodLine(word) + GoodLine(word));
  config().max_length = 100;
  config().excess_length_strategy = ExcessLength::kRaise;
  for (int times = 0; times < 2; ++times) {  // tokenised, then from the cache
    const absl::Status status = TryTokens(Seen()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
    EXPECT_THAT(std::string(status.message()),
                AllOf(StartsWith(folder_.PathOf("a.jsonl").string() + ":3: "),
                      HasSubstr("max_length is 100")));
  }
  config().max_length = 1000;
  EXPECT_TRUE(TryTokens(Seen()).ok());
}

TEST_F(TokenStoreTest, AnIdBeyondTheVocabularyNamesItsLineAndLeavesNoCache) {
  base_.Set("config.json", "vocab_size", 258);  // single bytes only
  folder_.Write("a.jsonl", "{\"text\": \"xyz\"}\n{\"text\": \"la\"}\n{\"text\": \"de\"}\n");
  ExpectRefused(Seen(), absl::StatusCode::kOutOfRange, "a.jsonl:2: token id");
  EXPECT_TRUE(Caches().empty());
}

TEST_F(TokenStoreTest, TheFirstErrorOfTheFileIsReportedWhicheverThreadFindsOne) {
  base_.Set("config.json", "vocab_size", 258);
  std::string text;
  for (int i = 1; i <= 400; ++i) text += i < 150 ? "{\"text\": \"xyz\"}\n" : "{\"text\": \"la\"}\n";
  folder_.Write("a.jsonl", text);
  ExpectRefused(Seen(), absl::StatusCode::kOutOfRange, "a.jsonl:150: ");
}

TEST_F(TokenStoreTest, ACacheThatCannotBeWrittenSaysWhere) {
  std::ofstream(config().CacheDir()) << "a file";
  ExpectRefused(Seen(), absl::StatusCode::kUnavailable, ".strata/tokens");
}

TEST_F(TokenStoreTest, ABaseThatCannotBeUsedIsRefusedBeforeAnyDataset) {
  fs::remove(base_.path() / "tokenizer.json");
  EXPECT_TRUE(absl::IsNotFound(TokenStore::Open(config()).status()));
}

TEST_F(TokenStoreTest, ItsTemplateIsTheOneThatRendersConversations) {
  const TokenStore store = TokenStore::Open(config()).value();
  EXPECT_EQ(store.chat_template(), kDefaultChatTemplate);
}

}  // namespace
}  // namespace strata
