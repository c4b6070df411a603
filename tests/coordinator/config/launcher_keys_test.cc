// Goal: who starts the workers, and where, is said in keys whose mistakes are found before a run.
#include "coordinator/config/branch_yaml.h"
#include "gmock/gmock.h"
#include "tests/coordinator/config/branch_folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LauncherKeysTest : public testing::Test {
 protected:
  std::string MessageOf(const std::string& more) { return branch_.MessageOf(more); }
  BranchFolder branch_;
};

TEST_F(LauncherKeysTest, HostsAndEnvironmentAreRead) {
  const auto config = branch_.Load(
      "launcher: mpirun\nhosts: [node1:8, \"10.0.0.2\"]\n"
      "worker_env: [NCCL_DEBUG=INFO, HTTP_PROXY]\nnetwork_interface: ib0\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->hosts, ElementsAre("node1:8", "10.0.0.2"));
  EXPECT_THAT(config->worker_env, ElementsAre("NCCL_DEBUG=INFO", "HTTP_PROXY"));
  EXPECT_EQ(config->network_interface, "ib0");
}

TEST_F(LauncherKeysTest, AHostfileIsRelativeToItsBranchYaml) {
  EXPECT_EQ(branch_.Load("hostfile: hosts.txt\n")->hostfile, branch_.path() / "hosts.txt");
}

TEST_F(LauncherKeysTest, WhatIsNoHostIsRefused) {
  for (const char* host : {"'a,b'", "'a b'", "--np", "'a:'", "'a:x'", "':3'", "'../hosts'"})
    EXPECT_THAT(MessageOf(std::string("hosts: [") + host + "]\n"), HasSubstr("HOST or HOST:SLOTS"))
        << host;
}

TEST_F(LauncherKeysTest, WhatIsNoVariableOrStratasOwnIsRefused) {
  EXPECT_THAT(MessageOf("worker_env: ['=x']\n"), HasSubstr("NAME=VALUE or NAME"));
  EXPECT_THAT(MessageOf("worker_env: ['A B=x']\n"), HasSubstr("NAME=VALUE or NAME"));
  EXPECT_THAT(MessageOf("worker_env: [STRATA_TOKEN=mine]\n"), HasSubstr("strata's own"));
}

TEST_F(LauncherKeysTest, HostsThatNobodyWouldTakeAreRefused) {
  EXPECT_THAT(MessageOf("hosts: [a]\nlauncher: srun\n"), HasSubstr("only mpirun takes it"));
  EXPECT_THAT(MessageOf("hostfile: h\nlauncher: local\n"), HasSubstr("only mpirun takes it"));
  EXPECT_THAT(MessageOf("hosts: [a]\nhostfile: h\n"), HasSubstr("keep one of them"));
}

TEST_F(LauncherKeysTest, MoreWorkersThanTheHostsHaveRoomForAreRefused) {
  EXPECT_THAT(MessageOf("hosts: [a:2, b:1]\nworkers: 4\n"), HasSubstr("they have room for 3"));
  EXPECT_TRUE(branch_.Load("hosts: [a:2, b:1]\nworkers: 3\n").ok());
  EXPECT_TRUE(branch_.Load("hosts: [a:2, b]\nworkers: 8\n").ok());
}

TEST_F(LauncherKeysTest, ListenIsAutoOrAnAddress) {
  EXPECT_EQ(branch_.Load("")->listen, "auto");
  EXPECT_EQ(branch_.Load("listen: 10.0.0.5\n")->listen, "10.0.0.5");
  EXPECT_THAT(MessageOf("listen: 'host:0'\n"), HasSubstr("must be HOST or HOST:PORT"));
}

}  // namespace
}  // namespace strata
