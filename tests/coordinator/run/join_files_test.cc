// Goal: what workers join by lies in files for this user alone, is gone with the run, and the lines
// that say so can be pasted into a shell. Method: a folder with a space and an apostrophe; sh
// itself reads the lines.
#include "coordinator/run/join_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>

#include "common/posix_file.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class JoinFilesTest : public testing::Test {
 protected:
  const Folder root_;
  const fs::path folder_ = root_.path() / "it's joined/join";
  JoinAddress join_{.address = "10.0.0.1:5", .token = "secret", .certificate = "PEM", .ranks = 2};
};

std::string Read(const fs::path& file) { return ReadFile(file, 1 << 20).value_or("unreadable"); }

// What a POSIX shell makes of the variable after the lines that begin with export.
std::string ByShell(const std::string& invitation, const std::string& variable) {
  const Folder folder;
  const size_t begin = invitation.find("  export");
  const std::string script = invitation.substr(begin, invitation.find("  mpirun") - begin) +
                             "printf %s \"$" + variable + "\"";
  const fs::path file = folder.path() / "script";
  EXPECT_TRUE(FileSystem::Real()->WriteFileDurably(file, script).ok());
  std::FILE* said = popen(("sh " + file.string()).c_str(), "r");
  std::string text(4096, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), said));
  EXPECT_EQ(pclose(said), 0);
  return text;
}

TEST_F(JoinFilesTest, AreForThisUserAloneAndGoWithTheRun) {
  {
    JoinFiles files(folder_);
    ASSERT_TRUE(files.Write(join_).ok());
    EXPECT_EQ(fs::status(folder_).permissions(), fs::perms::owner_all);
    EXPECT_EQ(fs::status(folder_ / "token").permissions(),
              fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_EQ(Read(folder_ / "token"), "secret\n");
    EXPECT_EQ(Read(folder_ / "certificate.pem"), "PEM");
  }
  EXPECT_FALSE(fs::exists(folder_));
}

TEST_F(JoinFilesTest, WithoutTlsAnOldCertificateIsGone) {
  JoinFiles files(folder_);
  ASSERT_TRUE(files.Write(join_).ok());
  join_.certificate = "";
  join_.token = "another";
  ASSERT_TRUE(files.Write(join_).ok());
  EXPECT_EQ(Read(folder_ / "token"), "another\n");
  EXPECT_FALSE(fs::exists(folder_ / "certificate.pem"));
  EXPECT_THAT(files.Invitation(join_, {}), Not(HasSubstr("CERTIFICATE")));
}

TEST_F(JoinFilesTest, TheInvitationIsReadByAShellAndHoldsNoSecret) {
  JoinFiles files(folder_);
  const std::string invitation = files.Invitation(join_, {});
  EXPECT_EQ(ByShell(invitation, "STRATA_TOKEN_FILE"), (folder_ / "token").string());
  EXPECT_EQ(ByShell(invitation, "STRATA_TLS_CERTIFICATE_FILE"),
            (folder_ / "certificate.pem").string());
  EXPECT_THAT(invitation, testing::AllOf(HasSubstr("mpirun -np 2 "), HasSubstr("10.0.0.1:5"),
                                         HasSubstr("2 workers"), Not(HasSubstr("secret"))));
}

TEST_F(JoinFilesTest, TheWorkersAreToldWhatTheSettingsSay) {
  JoinFiles files(folder_);
  const std::string invitation =
      files.Invitation(join_, {{"--device", "cuda"}, {"OF_THE_USER=it's", "HF_TOKEN"}, "ib0"});
  EXPECT_EQ(ByShell(invitation, "OF_THE_USER"), "it's");
  EXPECT_THAT(invitation,
              testing::AllOf(HasSubstr("-x OF_THE_USER -x HF_TOKEN "),
                             HasSubstr("--mca btl_tcp_if_include ib0 "), HasSubstr("=ib0\n"),
                             HasSubstr(" --device cuda\n"), Not(HasSubstr("export HF_TOKEN"))));
}

}  // namespace
}  // namespace strata
