#include "coordinator/doctor/ranks.h"

#include <algorithm>
#include <map>
#include <optional>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/counted.h"
#include "common/posix_file.h"
#include "common/sha256.h"
#include "coordinator/doctor/examination.h"
#include "coordinator/doctor/programs.h"
#include "coordinator/run/launcher_choice.h"
#include "coordinator/run/preparation.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int64_t kElements = int64_t{1} << 20;  // without a branch: 4 MB
constexpr uint64_t kLogBytesMax = 16 << 20;
constexpr double kStraggles = 0.5;  // of the fastest rank's speed

struct Known {
  const char* words;
  const char* remedy;
};
constexpr Known kKnown[] = {
    {"unknown option", "take that option out of mpirun_args in branch.yaml"},
    {"not enough slots", "name hosts with more slots in mpirun_args, or lower workers"},
    {"session_dir", "export TMPDIR=/tmp"},
    {"limit on number of pipes", "ulimit -n 4096"},
    {"CUDA devices for", "workers: one for each device, or device: cpu"},
    {"built for the CPU only", "build it with CUDA: STRATA_CUDA=ON deploy/setup.sh"},
    {"NCCL", "NCCL_DEBUG=WARN strata doctor says more"},
    {"nccl", "NCCL_DEBUG=WARN strata doctor says more"},
    {"Permission denied (", "let ssh in without a password to each host of mpirun_args"},
    {"No route to host",
     "name in mpirun_args the network that hosts share: --mca btl_tcp_if_include"},
    {"out of memory", "end what uses the device: nvidia-smi"}};

std::string RemedyOf(const GroupRun& run, const std::string& words) {
  for (const Known& known : kKnown) {
    for (const std::string& line : run.report.words)
      if (absl::StrContains(line, known.words)) return known.remedy;
  }
  const std::string loader = RemedyOfLoader(words, "strata-worker");
  return !loader.empty() ? loader : absl::StrCat("read ", run.log.string());
}

std::string RanksThat(const GroupRun& run, bool (*lacks)(const RankReport&)) {
  std::vector<int> ranks;
  for (int rank = 0; rank < run.ranks; ++rank) {
    const auto at = run.report.ranks.find(rank);
    if (lacks(at != run.report.ranks.end() ? at->second : RankReport())) ranks.push_back(rank);
  }
  if (ranks.empty()) return "";
  return absl::StrCat(ranks.size() == 1 ? "rank " : "ranks ", absl::StrJoin(ranks, ", "));
}

// How far the group got before it failed, and who did not follow.
struct Standstill {
  std::string words;
  const char* remedy;  // of one that hangs there
};

std::optional<Standstill> StandstillOf(const GroupRun& run) {
  std::string who = RanksThat(run, [](const RankReport& rank) { return !rank.started; });
  if (!who.empty()) {
    return Standstill{who + " never started",
                      "look at mpirun and mpirun_args of branch.yaml; --patience 120 waits longer"};
  }
  who = RanksThat(run, [](const RankReport& rank) { return !rank.joined; });
  if (!who.empty()) {
    return Standstill{who + " started but did not join the others",
                      "let hosts reach one another (firewall), or name their network in "
                      "mpirun_args: --mca btl_tcp_if_include DEVICE"};
  }
  who = RanksThat(run, [](const RankReport& rank) { return rank.seconds < 0; });
  if (!who.empty()) {
    return Standstill{who + " joined but did not come to the sum",
                      "NCCL_DEBUG=INFO strata doctor, or with mpirun_args: --mca btl self,tcp"};
  }
  return std::nullopt;
}

Finding NameHang(const GroupRun& run) {
  const std::string begin = absl::StrCat("ended after ", run.patience.count(), " s: ");
  const std::optional<Standstill> at = StandstillOf(run);
  if (!at) {
    return Problem("all-reduce", begin + "the sums are there, but the group did not end",
                   absl::StrCat("read ", run.log.string()));
  }
  const std::string words = TellingWords(run.report.words);
  if (words.empty()) return Problem("all-reduce", begin + at->words, at->remedy);
  return Problem("all-reduce", absl::StrCat(begin, at->words, ": ", words), RemedyOf(run, words));
}

std::string Hosts(const WorkerReport& report) {
  std::map<std::string, std::map<std::string, int>> devices;
  for (const auto& [number, rank] : report.ranks)
    ++devices[rank.host][rank.device.substr(0, rank.device.find(':'))];
  std::vector<std::string> hosts;
  for (const auto& [host, kinds] : devices) {
    std::vector<std::string> parts;
    for (const auto& [kind, count] : kinds) parts.push_back(absl::StrCat(count, " × ", kind));
    hosts.push_back(absl::StrCat(host, " (", absl::StrJoin(parts, ", "), ")"));
  }
  return absl::StrJoin(hosts, ", ");
}

// Where the ranks' output goes: a folder that can be written, whatever else cannot.
fs::path PlaceOfLog(const Examination& examination) {
  std::vector<fs::path> folders;
  if (examination.config) folders.push_back(examination.config->CacheDir());
  std::error_code error;
  const fs::path temporary = fs::temp_directory_path(error);
  if (!error) folders.push_back(temporary);
  for (const char* other : {"/tmp", "/dev/shm", "."}) folders.emplace_back(other);
  const std::string name = absl::StrCat("strata-doctor-", RandomHex(4), ".log");
  for (const fs::path& folder : folders) {
    if (FileSystem::Real()->WriteFileDurably(folder / name, "").ok()) return folder / name;
  }
  return name;
}

Launch LaunchOf(const Examination& examination) {
  const Config settings = examination.settings();
  const int ranks = examination.ranks();
  const int64_t elements = examination.base && examination.base->layout.elements > 0
                               ? examination.base->layout.elements
                               : kElements;
  return {.ranks = ranks,
          .worker = WorkerProgram(),
          .arguments = {"--probe", "ranks", "--device", settings.device, "--probe-elements",
                        std::to_string(elements), "--probe-seconds-max",
                        std::to_string(examination.request.patience.count() + 5)},
          .environment = {kShortSpin},
          .log = PlaceOfLog(examination)};
}

GroupRun RunGroup(Launcher& launcher, const Launch& launch, std::chrono::seconds patience) {
  GroupRun run{.ranks = launch.ranks, .patience = patience, .log = launch.log};
  const auto group = launcher.Start(launch);
  if (!group.ok()) {
    run.how = std::string(group.status().message());
    return run;
  }
  const auto deadline = Clock::now() + patience;
  std::optional<GroupExit> exit;
  while (!(exit = (*group)->Poll()) && Clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  run.timed_out = !exit.has_value();
  if (run.timed_out) (*group)->End(1);
  run.clean = exit && exit->clean;
  run.how = exit ? exit->how : "";
  run.report = ReadWorkerReport(ReadFile(launch.log, kLogBytesMax).value_or(""));
  return run;
}

}  // namespace

Finding JudgeAllReduce(const GroupRun& run) {
  if (run.timed_out) return NameHang(run);
  const std::optional<Standstill> at = StandstillOf(run);
  if (!run.clean || at) {
    const std::string words = TellingWords(run.report.words);
    return Problem(
        "all-reduce",
        absl::StrCat(run.how, at ? ": " + at->words : "", words.empty() ? "" : ": ", words),
        RemedyOf(run, words));
  }
  const std::string wrong = RanksThat(run, [](const RankReport& rank) { return rank.wrong > 0; });
  if (!wrong.empty()) {
    return Problem("all-reduce", absl::StrCat(wrong, " got wrong sums: no training can be trusted"),
                   "use another MPI (mpirun of branch.yaml) or NCCL; test the memory: memtester");
  }
  double seconds = 0;
  for (const auto& [number, rank] : run.report.ranks) seconds = std::max(seconds, rank.seconds);
  const auto bytes = static_cast<double>(run.report.ranks.at(0).bytes);
  const std::string size =
      absl::StrCat(Counted(run.ranks, "rank"), " on ", Hosts(run.report), ": ", Bytes(bytes));
  if (run.ranks == 1) return Fine("all-reduce", size + ", nothing to add with one rank");
  return Fine("all-reduce", absl::StrFormat("%s in %.2f ms, %s/s, sums right", size, seconds * 1e3,
                                            Bytes(bytes / seconds)));
}

Finding JudgeSpeed(const GroupRun& run, const std::string& dtype) {
  const RankReport* slowest = nullptr;
  int slowest_number = 0;
  double fastest = 0;
  for (const auto& [number, rank] : run.report.ranks) {
    if (rank.float32_gflops <= 0 || rank.bfloat16_gflops <= 0)
      return NotTried("speed", absl::StrCat("rank ", number, " did not measure it"));
    fastest = std::max(fastest, rank.float32_gflops);
    if (slowest == nullptr || rank.float32_gflops < slowest->float32_gflops) {
      slowest = &rank;
      slowest_number = number;
    }
  }
  if (slowest == nullptr) return NotTried("speed", "no rank measured it");
  std::string found =
      absl::StrFormat("a rank multiplies matrices at %.0f GFLOP/s in float32, %.0f in bfloat16",
                      slowest->float32_gflops, slowest->bfloat16_gflops);
  if (slowest->bfloat16_gflops < slowest->float32_gflops && dtype == "bfloat16")
    return Warning("speed", found + ": bfloat16, which is asked for, is the slower",
                   "dtype: float32 in branch.yaml");
  if (slowest->float32_gflops < kStraggles * fastest) {
    return Warning("speed",
                   absl::StrFormat("%s; rank %d on %s holds up the others, which reach %.0f", found,
                                   slowest_number, slowest->host, fastest),
                   "end what else runs there (top), or leave that host out of mpirun_args");
  }
  return Fine("speed", found);
}

void ExamineRanks(Examination* examination) {
  Findings& findings = examination->findings;
  const std::string obstacle =
      findings.Obstacle({"mpirun", "strata-worker", "devices", "open files", "TMPDIR"});
  if (!obstacle.empty()) {
    findings.Add(NotTried("all-reduce", obstacle));
    findings.Add(NotTried("speed", obstacle));
    return;
  }
  const std::unique_ptr<Launcher> launcher = LauncherOf(examination->settings());
  if (launcher->waits_for_user()) {
    for (const char* check : {"all-reduce", "speed"})
      findings.Add(NotTried(check, "launcher: external; they are yours to start"));
    return;
  }
  const Launch launch = LaunchOf(*examination);
  const GroupRun run = RunGroup(*launcher, launch, examination->request.patience);
  const Finding reduced = JudgeAllReduce(run);
  const bool well = reduced.state == Health::kOk;
  findings.Add(reduced);
  findings.Add(well ? JudgeSpeed(run, examination->base ? examination->base->dtype : "")
                    : NotTried("speed", "see all-reduce"));
  std::error_code ignored;
  if (well) fs::remove(launch.log, ignored);
}

}  // namespace strata
