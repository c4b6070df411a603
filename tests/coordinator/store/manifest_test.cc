// Goal: a manifest names files of its own folder alone, whatever was written into it.
#include "common/json.h"
#include "coordinator/store/version_folder.h"
#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

class ManifestTest : public testing::Test {
 protected:
  absl::Status Read(const std::string& name, int64_t bytes) const {
    const std::string sha(64, 'a');
    const Json file = {{"bytes", bytes}, {"sha256", sha}};
    const Json manifest = {{"format", 1},
                           {"version", 2},
                           {"parent", 1},
                           {"run", "r"},
                           {"base_fingerprint", sha},
                           {"adapter_digest", sha},
                           {"files", {{name, file}}}};
    folder_.Write("manifest.json", DumpJson(manifest));
    return ReadManifest(folder_.path(), nullptr).status();
  }
  Folder folder_;
};

TEST_F(ManifestTest, AFileOfTheFolderIsTaken) {
  EXPECT_TRUE(Read("adapter_config.json", 0).ok());
  EXPECT_TRUE(Read("..a", 10).ok());
}

TEST_F(ManifestTest, WhatIsNoFileOfTheFolderIsRefused) {
  for (const char* name : {"..", ".", "", "../x", "/etc/passwd", "a/b", "a/"})
    EXPECT_TRUE(absl::IsDataLoss(Read(name, 10))) << name;
}

TEST_F(ManifestTest, AFileOfLessThanNothingIsRefused) {
  EXPECT_TRUE(absl::IsDataLoss(Read("adapter_config.json", -1)));
}

}  // namespace
}  // namespace strata
