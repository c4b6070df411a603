// Gives a test a branch with a training/ folder of its own, removed at the end.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "coordinator/config/config.h"
#include "gtest/gtest.h"

namespace strata {

class TrainingFolder {
 public:
  TrainingFolder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    config_.branch = std::filesystem::path(testing::TempDir()) /
                     (std::string("strata_") + test->name() + "_" + std::to_string(getpid()));
    config_.name = "antropologia";
    config_.model_name_or_path = "/base";
    std::filesystem::remove_all(config_.branch);
    std::filesystem::create_directories(config_.TrainingDir());
  }
  ~TrainingFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(config_.branch, ignored);
  }

  Config& config() { return config_; }
  std::filesystem::path PathOf(const std::string& name) const {
    return config_.TrainingDir() / name;
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(PathOf(name), std::ios::binary) << text;
  }

 private:
  Config config_;
};

// One good line, the same for the same question.
inline std::string GoodLine(const std::string& question) {
  return "{\"instruction\": \"" + question + "\", \"output\": \"La respuesta.\"}\n";
}

}  // namespace strata
