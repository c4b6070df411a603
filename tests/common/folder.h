// Gives a test a folder of its own, removed at the end.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "common/posix_file.h"
#include "gtest/gtest.h"

namespace strata {

class Folder {
 public:
  Folder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string("strata_") + test->test_suite_name() + "_" + test->name();
    std::replace(name.begin(), name.end(), '/', '_');
    std::string path = testing::TempDir() + "/" + name + "_XXXXXX";
    EXPECT_NE(mkdtemp(path.data()), nullptr) << path;
    path_ = std::filesystem::path(path).lexically_normal();
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path Write(const std::string& name, const std::string& bytes) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }
  std::string Read(const std::string& name) const {
    return ReadFile(path_ / name, UINT64_MAX).value();
  }

 private:
  std::filesystem::path path_;
};

}  // namespace strata
