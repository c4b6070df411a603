// Gives a test a folder of its own, removed at the end, and the base under tests/testdata.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "common/json.h"
#include "common/posix_file.h"
#include "gtest/gtest.h"

namespace strata {

class Folder {
 public:
  Folder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(testing::TempDir()) /
            (std::string("strata_") + test->test_suite_name() + "_" + test->name() + "_" +
             std::to_string(getpid()));
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
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

// A copy of tests/testdata/base (made by make_base.py beside it) whose JSON files a test may
// change.
class BaseFolder : public Folder {
 public:
  BaseFolder() {
    for (const auto& file : std::filesystem::directory_iterator(STRATA_TESTDATA "/base"))
      std::filesystem::copy(file.path(), path() / file.path().filename());
  }
  // Sets a field of a JSON file.
  void Set(const std::string& file, const std::string& key, const Json& value) const {
    Json json = ParseJson(Read(file), file).value();
    json[key] = value;
    Write(file, DumpJson(json));
  }
  void Erase(const std::string& file, const std::string& key) const {
    Json json = ParseJson(Read(file), file).value();
    json.erase(key);
    Write(file, DumpJson(json));
  }
};

}  // namespace strata
