// Gives a test a branch folder of its own, removed at the end.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/config/branch_yaml.h"
#include "gtest/gtest.h"

namespace strata {

class BranchFolder {
 public:
  BranchFolder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(testing::TempDir()) /
            (std::string("strata_") + test->name() + "_" + std::to_string(getpid())) /
            "antropologia";
    std::filesystem::remove_all(path_.parent_path());
    std::filesystem::create_directories(path_);
  }
  ~BranchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_.parent_path(), ignored);
  }

  const std::filesystem::path& path() const { return path_; }
  std::string yaml_path() const { return (path_ / "branch.yaml").string(); }

  void Write(const std::string& yaml) const {
    std::ofstream(yaml_path(), std::ios::binary) << yaml;
  }
  // A branch.yaml of the required key and `more`, which begins on line 2.
  absl::StatusOr<Config> Load(const std::string& more,
                              const std::vector<std::string>& overrides = {}) const {
    Write("model_name_or_path: base\n" + more);
    return LoadConfig(path_, overrides);
  }

  // What is wrong with such a branch.yaml; "" when nothing is.
  std::string MessageOf(const std::string& more) const {
    return std::string(Load(more).status().message());
  }

 private:
  std::filesystem::path path_;
};

}  // namespace strata
