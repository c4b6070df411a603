// Gives a test the base under tests/testdata, to be changed.
#pragma once

#include <filesystem>
#include <string>

#include "common/json.h"
#include "tests/common/folder.h"

namespace strata {

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
