// Goal: a folder has one path however it is written. Method: the ways to write it.
#include "common/folder_path.h"

#include <gtest/gtest.h>

namespace strata {
namespace {

TEST(FolderPathTest, IsOneHoweverTheFolderIsWritten) {
  for (const char* written : {"data", "data/", "./data", "./data//", "x/../data/", "data/."})
    EXPECT_EQ(FolderPath(written), "data") << written;
  for (const char* written : {"/a/b", "/a/b/", "/a//b/./", "/a/c/../b"})
    EXPECT_EQ(FolderPath(written), "/a/b") << written;
}

TEST(FolderPathTest, TheRootAndHereStay) {
  EXPECT_EQ(FolderPath("/"), "/");
  EXPECT_EQ(FolderPath("."), ".");
  EXPECT_EQ(FolderPath(".."), "..");
  EXPECT_EQ(FolderPath(""), "");
}

}  // namespace
}  // namespace strata
