#include "coordinator/launch/mpirun_launcher.h"

#include <algorithm>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "coordinator/launch/launched_group.h"
#include "coordinator/launch/open_files.h"
#include "coordinator/launch/program_path.h"
#include "coordinator/launch/worker_environment.h"

namespace strata {
namespace {

constexpr size_t kWhyBytesMax = 400;

std::string WithoutSpace(const std::string& text) {
  return std::string(absl::StripAsciiWhitespace(text));
}

std::string LineThatBegins(const std::string& text, std::string_view begin) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(begin)) return WithoutSpace(line);
  }
  return "";
}

bool IsRule(const std::string& line) {
  return line.size() > 60 && line.find_first_not_of("-\r") == std::string::npos;
}

// The first paragraph that mpirun has written between two rules, and the node that it names there.
// That a rank ended badly is known from the rank itself.
std::string FirstHelp(const std::string& text) {
  std::istringstream lines(text);
  std::vector<std::string> paragraph;
  std::string node;
  bool within = false, first = true;
  for (std::string line; std::getline(lines, line);) {
    if (IsRule(line) && within) break;
    if (IsRule(line)) {
      within = true;
    } else if (within) {
      const std::string words = WithoutSpace(line);
      // What a colon announces stands behind an empty line.
      first &= !words.empty() || (!paragraph.empty() && paragraph.back().ends_with(":"));
      if (first && !words.empty()) paragraph.push_back(words);
      if (words.starts_with("Node:")) node = WithoutSpace(words.substr(5));
    }
  }
  const std::string help = absl::StrJoin(paragraph, " ");
  for (const char* of_rank : {"Primary job", "detected that one or more", "MPI_ABORT"}) {
    if (absl::StrContains(help, of_rank)) return "";
  }
  return node.empty() ? help : absl::StrCat(help, " (node ", node, ")");
}

// The word behind `mark`, from `*at` on, which then stands behind it; "" when there is none.
std::string WordBehind(const std::string& text, std::string_view mark, size_t* at) {
  *at = text.find(mark, *at);
  if (*at == std::string::npos) return "";
  *at += mark.size();
  const size_t end = text.find_first_of(" .", *at);
  return text.substr(*at, end - *at);
}

}  // namespace

std::string RankThatDied(const std::string& words_of_mpirun) {
  std::string text = words_of_mpirun;
  std::replace(text.begin(), text.end(), '\n', ' ');
  size_t at = 0;
  const std::string rank = WordBehind(text, "noticed that process rank ", &at);
  if (rank.empty()) return "";
  const std::string node = WordBehind(text, " on node ", &at);
  const std::string signal = WordBehind(text, " exited on signal ", &at);
  if (signal.empty()) return "";
  const size_t name = text.find('(', at), name_end = text.find(')', at);
  const bool named = name < name_end && name_end != std::string::npos && name - at < 4;
  return absl::StrCat("rank ", rank, " on ", node, " died of signal ", signal,
                      named ? " " + text.substr(name, name_end + 1 - name) : "");
}

std::string WhyMpirunEnded(const std::string& words) {
  std::string why = RankThatDied(words);
  if (why.empty()) why = LineThatBegins(words, "ssh: ");
  if (why.empty()) why = LineThatBegins(words, "mpirun: Error: ");
  if (why.empty()) why = FirstHelp(words);
  return why.substr(0, kWhyBytesMax);
}

bool MpirunLauncher::leaves_this_machine() const { return settings_.kind != LauncherKind::kLocal; }

absl::Status MpirunLauncher::Check(const Launch& launch) const {
  if (FindProgram(settings_.mpirun).empty()) {
    return absl::NotFoundError(
        absl::StrCat("mpirun not found: '", settings_.mpirun,
                     "' is no program on PATH; install it "
                     "(apt-get install openmpi-bin) or name it in branch.yaml: mpirun: PATH"));
  }
  std::error_code error;
  if (!settings_.hostfile.empty() && !std::filesystem::exists(settings_.hostfile, error)) {
    return absl::NotFoundError(absl::StrCat("hostfile: no file ", settings_.hostfile.string(),
                                            "; correct it in branch.yaml"));
  }
  RETURN_IF_ERROR(CheckWorker(launch));
  return CheckOpenFiles(launch.ranks);
}

std::vector<std::string> MpirunLauncher::CommandOf(const Launch& launch) const {
  std::vector<std::string> command = {FindProgram(settings_.mpirun).string(), "-np",
                                      std::to_string(launch.ranks), "--oversubscribe",
                                      // Each rank binds itself (worker/task/core_share.h).
                                      "--bind-to", "none"};
  const auto add = [&](std::initializer_list<std::string> words) {
    command.insert(command.end(), words);
  };
  if (settings_.kind != LauncherKind::kLocal) {
    if (!settings_.hosts.empty()) add({"--host", absl::StrJoin(settings_.hosts, ",")});
    if (!settings_.hostfile.empty()) add({"--hostfile", settings_.hostfile.string()});
    // Else mpirun takes node1.a for node1, and for node1.b.
    add({"--mca", "orte_keep_fqdn_hostnames", "1"});
  }
  if (!settings_.network_interface.empty()) {
    for (const char* of : kInterfaceParameters) add({"--mca", of, settings_.network_interface});
  }
  for (const auto& [name, value] : EnvironmentOfWorkers(settings_, launch)) add({"-x", name});
  command.insert(command.end(), settings_.mpirun_args.begin(), settings_.mpirun_args.end());
  command.push_back(launch.worker.string());
  command.insert(command.end(), launch.arguments.begin(), launch.arguments.end());
  return command;
}

absl::StatusOr<std::unique_ptr<WorkerGroup>> MpirunLauncher::Start(const Launch& launch) {
  RETURN_IF_ERROR(Check(launch));
  LaunchProgram program{.name = "mpirun",
                        .command = CommandOf(launch),
                        .environment = EnvironmentOfWorkers(settings_, launch),
                        .without = {},
                        .log = launch.log,
                        .why_ended = &WhyMpirunEnded};
  // mpirun refuses root by default; who runs strata as root has chosen so.
  program.environment.emplace_back("OMPI_ALLOW_RUN_AS_ROOT", "1");
  program.environment.emplace_back("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
  // Within an allocation mpirun would go where Slurm says.
  if (settings_.kind == LauncherKind::kLocal) program.without.emplace_back("SLURM_");
  return LaunchedGroup::Start(program);
}

}  // namespace strata
