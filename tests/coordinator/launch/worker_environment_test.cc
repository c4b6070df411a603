// Goal: workers get what branch.yaml gives them, and the run's own wins over nothing of it.
#include "coordinator/launch/worker_environment.h"

#include <cstdlib>

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

TEST(WorkerEnvironmentTest, TheUsersVariablesComeOverTheLaunchs) {
  LauncherSettings settings;
  settings.worker_env = {"GOMP_SPINCOUNT=7", "WITH=a=b", "EMPTY="};
  Launch launch;
  launch.environment = {kShortSpin, {"STRATA_TOKEN", "x"}};
  EXPECT_THAT(EnvironmentOfWorkers(settings, launch),
              UnorderedElementsAre(Pair("GOMP_SPINCOUNT", "7"), Pair("STRATA_TOKEN", "x"),
                                   Pair("WITH", "a=b"), Pair("EMPTY", "")));
}

TEST(WorkerEnvironmentTest, ANameAloneHandsOnWhatIsThere) {
  LauncherSettings settings;
  settings.worker_env = {"STRATA_TEST_SET", "STRATA_TEST_UNSET"};
  setenv("STRATA_TEST_SET", "here", 1);
  unsetenv("STRATA_TEST_UNSET");
  EXPECT_THAT(EnvironmentOfWorkers(settings, {}),
              UnorderedElementsAre(Pair("STRATA_TEST_SET", "here")));
  unsetenv("STRATA_TEST_SET");
}

TEST(WorkerEnvironmentTest, NcclIsToldOfTheNetwork) {
  LauncherSettings settings;
  settings.network_interface = "ib0";
  EXPECT_THAT(EnvironmentOfWorkers(settings, {}),
              UnorderedElementsAre(Pair("NCCL_SOCKET_IFNAME", "ib0")));
  settings.worker_env = {"NCCL_SOCKET_IFNAME=eth1"};
  EXPECT_THAT(EnvironmentOfWorkers(settings, {}),
              UnorderedElementsAre(Pair("NCCL_SOCKET_IFNAME", "eth1")));
}

}  // namespace
}  // namespace strata
