// Gives the launchers' tests workers that are shell scripts under the real mpirun or srun, and a
// view of the processes that come of them.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "coordinator/launch/launcher.h"
#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {

class ScriptGroup : public testing::Test {
 protected:
  using Clock = std::chrono::steady_clock;
  static constexpr int kStartSeconds = 30, kEndSeconds = 30;

  // One mpirun that ends removes the folder that all of a user's share, which another may be about
  // to use: these have one of their own.
  ScriptGroup() {
    setenv("OMPI_MCA_orte_tmpdir_base", folder_.path().c_str(), 1);
    setenv("RES_OPTIONS", "timeout:1 attempts:1", 1);  // where no name server answers
  }

  // Each rank begins by writing its process id to rank.N; then `body` runs, with $rank.
  Launch LaunchOf(const std::string& body, int ranks = 1) {
    Launch launch;
    launch.ranks = ranks;
    launch.worker = folder_.Write("worker.sh",
                                  "#!/bin/sh\n"
                                  "cd " +
                                      folder_.path().string() +
                                      "\n"
                                      "rank=${OMPI_COMM_WORLD_RANK:-$SLURM_PROCID}\n"
                                      "echo $$ > rank.part.$rank\n"
                                      "mv rank.part.$rank rank.$rank\n" +
                                      body + "\n");
    std::filesystem::permissions(launch.worker, std::filesystem::perms::owner_all);
    launch.log = folder_.path() / "worker.log";
    return launch;
  }
  std::unique_ptr<WorkerGroup> Start(const Launch& launch) {
    auto group = MakeLauncher(settings_)->Start(launch);
    EXPECT_TRUE(group.ok()) << group.status();
    return group.ok() ? *std::move(group) : nullptr;
  }
  // A group all of whose ranks run.
  std::unique_ptr<WorkerGroup> StartAndWait(const Launch& launch) {
    auto group = Start(launch);
    for (int rank = 0; rank < launch.ranks; ++rank) {
      EXPECT_TRUE(Within(kStartSeconds, [&] { return PidOf(rank) > 0; })) << Log();
    }
    FindSession();
    return group;
  }
  // A launcher that makes no session of its own must not let the test end that of its caller.
  void FindSession() {
    session_ = getsid(PidOf(0));
    if (session_ != getsid(0)) return;
    session_ = -1;
    ADD_FAILURE() << "the group is in its parent's session";
  }
  std::optional<GroupExit> EndOf(WorkerGroup& group) {
    std::optional<GroupExit> end;
    EXPECT_TRUE(Within(kStartSeconds + kEndSeconds, [&] {
      return (end = group.Poll()).has_value();
    })) << Log();
    return end;
  }

  static bool Within(int seconds, const std::function<bool()>& true_at_last) {
    for (const auto deadline = Clock::now() + std::chrono::seconds(seconds); !true_at_last();) {
      if (Clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  // "" as well where there is none, or a process of /proc ends while it is read.
  std::string Read(const std::filesystem::path& file) const {
    std::ifstream stream(folder_.path() / file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  std::string Log() const { return Read("worker.log"); }
  pid_t PidOf(int rank) const {
    const std::string pid = Read("rank." + std::to_string(rank));
    return pid.empty() ? -1 : std::stoi(pid);
  }
  // A process that was not found is -1, which to kill() is everybody.
  static void Signal(pid_t pid, int signal) {
    ASSERT_GT(pid, 1);
    ASSERT_EQ(kill(pid, signal), 0);
  }
  bool Lives(pid_t pid) const {
    const std::string stat = Read("/proc/" + std::to_string(pid) + "/stat");
    const size_t state = stat.rfind(") ");
    return state != std::string::npos && stat[state + 2] != 'Z';
  }
  // mpirun and all that came of it, without the dead; by the session that Start makes.
  std::vector<pid_t> Session() const {
    std::vector<pid_t> members;
    if (session_ <= 0) return members;
    for (const auto& process : std::filesystem::directory_iterator("/proc")) {
      const std::string name = process.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      const pid_t pid = std::stoi(name);
      if (getsid(pid) == session_ && Lives(pid)) members.push_back(pid);
    }
    return members;
  }
  // mpirun and the ranks of any launch of LaunchOf, by the worker's path among their arguments.
  size_t ProcessesOfWorker() const {
    size_t count = 0;
    for (const auto& process : std::filesystem::directory_iterator("/proc"))
      count +=
          Read(process.path() / "cmdline").find(folder_.path() / "worker.sh") != std::string::npos;
    return count;
  }
  void ExpectNobodyLeft() {
    EXPECT_TRUE(Within(kEndSeconds, [&] { return Session().empty(); }))
        << Session().size() << " processes left";
    for (const pid_t left : Session()) kill(left, SIGKILL);
  }

  LauncherSettings settings_;
  Folder folder_;
  pid_t session_ = -1;  // of mpirun, which leads it: its process id too
};

}  // namespace strata
