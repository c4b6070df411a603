// Goal: a program is found where a shell would find it, and what cannot be started is none.
// Method: PATHs of folders that the test fills.
#include <cstdlib>

#include "coordinator/launch/program_path.h"
#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

class FindProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* path = std::getenv("PATH")) path_ = path;
  }
  void TearDown() override { setenv("PATH", path_.c_str(), 1); }
  std::filesystem::path Program(const std::string& name) {
    const std::filesystem::path program = folder_.Write(name, "#!/bin/sh\n");
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    return program;
  }
  void SetPath(const std::string& first, const std::string& second) {
    const std::string base = folder_.path().string() + "/";
    setenv("PATH", (base + first + ":" + base + second).c_str(), 1);
  }
  Folder folder_;
  std::string path_;
};

TEST_F(FindProgramTest, TheFirstFolderOfPathThatHasItWins) {
  const auto first = Program("a/mpirun"), second = Program("b/mpirun"), other = Program("b/other");
  SetPath("a", "b");
  EXPECT_EQ(FindProgram("mpirun"), first);
  EXPECT_EQ(FindProgram("other"), other);
  SetPath("missing", "b");
  EXPECT_EQ(FindProgram("mpirun"), second);
}

TEST_F(FindProgramTest, ANameWithASlashIsTakenAsGiven) {
  const auto program = Program("elsewhere/mpirun");
  SetPath("a", "b");
  EXPECT_EQ(FindProgram(program), program);
  EXPECT_EQ(FindProgram(program.string() + ".missing"), "");
}

TEST_F(FindProgramTest, WhatCannotBeStartedIsNoProgram) {
  folder_.Write("a/mpirun", "only text");
  std::filesystem::create_directories(folder_.path() / "b/mpirun");
  SetPath("a", "b");
  EXPECT_EQ(FindProgram("mpirun"), "");
  EXPECT_EQ(FindProgram(folder_.path() / "a/mpirun"), "");
  EXPECT_EQ(FindProgram(folder_.path() / "b/mpirun"), "");
  EXPECT_EQ(FindProgram(""), "");
}

TEST_F(FindProgramTest, AFolderOrATextBeforeTheProgramIsPassedOver) {
  std::filesystem::create_directories(folder_.path() / "a/mpirun");
  folder_.Write("a/other", "only text");
  const auto program = Program("b/mpirun"), other = Program("b/other");
  SetPath("a", "b");
  EXPECT_EQ(FindProgram("mpirun"), program);
  EXPECT_EQ(FindProgram("other"), other);
}

TEST_F(FindProgramTest, WithoutAPathTheSystemsFoldersAreSearched) {
  unsetenv("PATH");
  EXPECT_THAT(FindProgram("sh").string(), testing::EndsWith("/bin/sh"));
}

}  // namespace
}  // namespace strata
