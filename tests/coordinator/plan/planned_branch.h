// Gives a plan's tests a branch whose datasets exist only as catalog entries and token files.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "coordinator/catalog/example.h"
#include "coordinator/plan/plan.h"
#include "tests/coordinator/catalog/training_folder.h"

namespace strata {

// One good line: a question, and how long it is.
struct PlannedExample {
  std::string question;
  uint32_t tokens = 10;
  uint32_t supervised = 5;  // the last of them
  std::string answer = "La respuesta.";
};

class PlannedBranch {
 public:
  PlannedBranch() { config().num_train_epochs = 2; }
  Config& config() { return folder_.config(); }
  const Catalog& catalog() const { return catalog_; }
  Dataset& dataset(size_t i) { return catalog_.datasets[i]; }

  // A dataset as the catalog would see it. Datasets with equal examples are twins.
  void Add(const std::string& name, const std::vector<PlannedExample>& examples) {
    Dataset dataset;
    dataset.name = name;
    dataset.num_train_epochs = config().num_train_epochs;
    dataset.learning_rate = config().learning_rate;
    const auto file = config().CacheDir() / (name + ".tokens");
    auto writer = TokenFileWriter::Create(file);
    ASSERT_TRUE(writer.ok()) << writer.status();
    std::string content;
    for (const PlannedExample& planned : examples) {
      Example example;
      example.messages = {{"user", planned.question}, {"assistant", planned.answer}};
      ExampleEntry entry;
      entry.content = ContentDigest(example);
      entry.prompt = PromptDigest(example);
      dataset.examples.push_back(entry);
      TokenizedExample tokenized{std::vector<uint32_t>(planned.tokens, 7), {}};
      if (planned.supervised > 0)
        tokenized.supervised = {{planned.tokens - planned.supervised, planned.tokens}};
      writer->Append(tokenized);
      content += planned.question + "\n" + planned.answer + "\n";
    }
    ASSERT_TRUE(writer->Finish().ok());
    dataset.sha256 = Sha256Of(content);
    catalog_.datasets.push_back(dataset);
    files_.push_back(file);
  }

  absl::StatusOr<Plan> TryMake(const PlanRequest& request = {}) {
    std::deque<DatasetTokens> opened;
    TokensOfCatalog tokens;
    for (const auto& file : files_) {
      if (const auto broken = broken_tokens.find(tokens.size()); broken != broken_tokens.end()) {
        tokens.push_back(broken->second);
        continue;
      }
      auto one = DatasetTokens::Open(file, config().max_length, config().excess_length_strategy);
      if (!one.ok()) return one.status();
      opened.push_back(*std::move(one));
      tokens.push_back(&opened.back());
    }
    return MakePlan(config(), catalog_, tokens, lineage, request);
  }
  Plan Make(const PlanRequest& request = {}) {
    auto plan = TryMake(request);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *std::move(plan) : Plan();
  }

  // As if `current` had been trained on the dataset as it is now.
  void MarkTrained(size_t i, uint32_t pass = 0) {
    const Dataset& dataset = catalog_.datasets[i];
    lineage.trained.push_back({dataset.name, dataset.sha256, pass, 0, 0, 0, ""});
    for (const ExampleEntry& entry : dataset.examples)
      lineage.examples[dataset.name].insert(entry.content);
  }

  Lineage lineage;
  std::map<size_t, absl::Status> broken_tokens;  // by dataset: why its data has no tokens

 private:
  TrainingFolder folder_;
  Catalog catalog_;
  std::vector<std::filesystem::path> files_;
};

// `count` examples with lengths between 3 and 60.
inline std::vector<PlannedExample> ManyExamples(int count, const std::string& prefix = "q") {
  std::vector<PlannedExample> examples;
  for (int i = 0; i < count; ++i) {
    const auto tokens = static_cast<uint32_t>(3 + (i * 37) % 58);
    examples.push_back({prefix + std::to_string(i), tokens, 2});
  }
  return examples;
}

}  // namespace strata
