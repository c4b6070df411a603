// A branch of a tiny adapter that tests commit to, damage and look at.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/huggingface/safetensors.h"
#include "coordinator/store/branch_store.h"

namespace strata {

// One dataset "dN.jsonl" of run N; its adapter is N everywhere.
inline Candidate CandidateOf(uint32_t run, Version parent) {
  Candidate candidate;
  candidate.parent = parent;
  candidate.run = RunId("run-" + std::to_string(run));
  candidate.layout.tensors = {{"base_model.model.q_proj.lora_A.weight", 2, 3, 0},
                              {"base_model.model.q_proj.lora_B.weight", 4, 2, 6}};
  candidate.layout.elements = 14;
  candidate.adapter.assign(14, static_cast<float>(run));
  candidate.digest =
      Sha256Of({reinterpret_cast<const char*>(candidate.adapter.data()), 14 * sizeof(float)});
  candidate.lora_r = 2;
  candidate.lora_alpha = 4;
  candidate.lora_dropout = 0.025;
  candidate.target_modules = {"v_proj", "q_proj"};
  candidate.adapter_name = "lora_adapters";
  candidate.base_model_name = "some/base";
  candidate.base_fingerprint = Sha256Of("base");
  candidate.chat_template = "{{ messages }}";
  const std::string name = "d" + std::to_string(run) + ".jsonl";
  candidate.stages = {{name, "base", Sha256Of(name), 0, 10, 3, 1.0 / run, ""},
                      {"bad.jsonl", "base", Sha256Of("bad"), 0, 0, 0, 0, "no good line"}};
  candidate.stages[0].left_out.too_long = 4;
  candidate.examples[name] = {{run, 1}, {run, 2}};
  candidate.training_seconds = 2.5;
  candidate.now = std::chrono::system_clock::from_time_t(1761907242 + run);
  return candidate;
}

class TrainedBranch : public testing::Test {
 protected:
  // In memory where there is such a place: the crash tests fsync tens of thousands of times; what
  // they ask is what was called, not what a disk kept.
  static std::filesystem::path FastFolder() {
    const std::filesystem::path memory = "/dev/shm";
    return access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
  }
  void SetUp() override {
    root_ = FastFolder() / ("strata-store-" + std::to_string(getpid()) + "-" +
                            testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(root_);
    adapters_ = root_ / "adapters" / "lora_adapters";
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  BranchStore Open(FileSystem* files = FileSystem::Real()) const {
    absl::StatusOr<BranchStore> store = BranchStore::Open(adapters_, files);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  // Commits runs 1 … `runs`, each on the one before.
  void CommitRuns(uint32_t runs, uint32_t keep_backups = 5) const {
    BranchStore store = Open();
    for (uint32_t run = 1; run <= runs; ++run) {
      Candidate candidate = CandidateOf(run, store.current());
      candidate.keep_backups = keep_backups;
      const absl::StatusOr<CommitOutcome> outcome = store.Commit(candidate);
      ASSERT_TRUE(outcome.ok()) << outcome.status();
    }
  }
  // Begins the branch anew.
  void Wipe() const { std::filesystem::remove_all(root_); }

  // What a reader that knows only PEFT's files finds behind `link`: the adapter's value; -1 unless
  // it is whole.
  float ValueBehind(const std::string& link) const {
    const absl::StatusOr<SafetensorsFile> file =
        SafetensorsFile::Open(adapters_ / link / "adapter_model.safetensors");
    if (!file.ok() || file->tensors().size() != 2) return -1;
    const auto* first = static_cast<const float*>(file->tensors()[0].data);
    for (const TensorView& tensor : file->tensors()) {
      const auto* values = static_cast<const float*>(tensor.data);
      for (size_t i = 0; i < tensor.bytes / sizeof(float); ++i) {
        if (values[i] != *first) return -1;
      }
    }
    for (const char* name : {"adapter_config.json", "training_metadata.json", "manifest.json",
                             "trained_examples.bin", "chat_template.jinja"}) {
      if (!std::filesystem::is_regular_file(adapters_ / link / name)) return -1;
    }
    return *first;
  }
  std::vector<std::string> Names(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(adapters_ / folder)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  // What was put into quarantine and was called `name`; "" = nothing.
  std::filesystem::path QuarantinedOf(const std::string& name) const {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(adapters_ / "quarantine", error)) {
      if (entry.path().filename().string().starts_with(name + "_")) return entry.path();
    }
    return {};
  }
  // Twice = not at all. Size and time stay.
  void FlipBit(const std::filesystem::path& file) const {
    const std::filesystem::file_time_type time = std::filesystem::last_write_time(file);
    std::string bytes = Text(file);
    bytes.back() ^= 1;
    Overwrite(file, bytes);
    std::filesystem::last_write_time(file, time);
  }
  void DamageVersion(const std::string& version) const {
    FlipBit(adapters_ / "versions" / version / "adapter_model.safetensors");
  }
  std::filesystem::path LedgerFile() const { return adapters_ / "ledger.jsonl"; }
  std::string Text(const std::filesystem::path& file) const {
    return ReadFile(file, 1 << 20).value_or("");
  }
  void Overwrite(const std::filesystem::path& file, const std::string& text) const {
    std::ofstream(file, std::ios::trunc) << text;
  }

  std::filesystem::path root_, adapters_;
};

}  // namespace strata
