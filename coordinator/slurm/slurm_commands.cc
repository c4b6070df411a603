#include "coordinator/slurm/slurm_commands.h"

#include <chrono>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "coordinator/launch/program_path.h"
#include "coordinator/launch/program_run.h"
#include "coordinator/slurm/job_listing.h"

extern char** environ;

namespace strata {
namespace {

constexpr std::chrono::seconds kAnswer(60);

// Slurm tells a job of itself by these; programs of Slurm take some of them for options.
bool IsOfJob(const std::string& name) {
  return absl::StartsWith(name, "SLURM_") && name != "SLURM_CONF" && name != "SLURM_TIME_FORMAT" &&
         name != "SLURM_CLUSTERS";
}

std::vector<std::string> WithoutJob() {
  std::vector<std::string> words;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    const std::string name = text.substr(0, text.find('='));
    if (!IsOfJob(name)) continue;
    words.push_back("-u");
    words.push_back(name);
  }
  return words;
}

std::string FirstLine(const std::string& text) {
  const std::string stripped(absl::StripAsciiWhitespace(text));
  return stripped.substr(0, stripped.find('\n'));
}

// squeue refuses a single job that it has forgotten, and leaves it out of several.
absl::StatusOr<std::map<std::string, JobState>> AskSqueue(const std::string& jobs) {
  std::vector<std::string> command = {"squeue", "--states=all", "--jobs=" + jobs};
  for (const std::string& option : SqueueFormat()) command.push_back(option);
  absl::StatusOr<std::string> output = RunSlurm(command);
  if (output.ok()) return ReadSqueue(*output);
  if (absl::StrContains(output.status().message(), "Invalid job id"))
    return std::map<std::string, JobState>();
  return output.status();
}

// Adds what the database knows of the others.
void AskSacct(const std::vector<std::string>& jobs, JobStates* states) {
  std::vector<std::string> missing;
  for (const std::string& job : jobs) {
    if (states->known.count(job) == 0) missing.push_back(job);
  }
  if (missing.empty()) return;
  std::vector<std::string> command = {"sacct", "--jobs=" + absl::StrJoin(missing, ",")};
  for (const std::string& option : SacctFormat()) command.push_back(option);
  const absl::StatusOr<std::string> output = RunSlurm(command);
  if (output.ok()) {
    states->known.merge(ReadSacct(*output));
  } else if (absl::StrContains(output.status().message(), "storage is disabled")) {
    states->unasked =
        "this Slurm keeps no accounts for sacct to tell, so it has forgotten jobs that ended some "
        "minutes ago; their logs are in BRANCH/jobs, what they trained in strata history";
  } else {
    states->unasked = std::string(output.status().message());
  }
}

absl::StatusOr<ProgramRun> Ask(std::vector<std::string> command) {
  const std::string program = command[0];
  command[0] = FindProgram(program).string();
  if (command[0].empty()) return NoSlurmProgram(program);
  const std::vector<std::string> without = WithoutJob();
  if (!without.empty()) {
    command.insert(command.begin(), without.begin(), without.end());
    command.insert(command.begin(), FindProgram("env").string());
  }
  return RunProgram(command, kAnswer);
}

absl::Status NoAnswer(const std::string& program, const ProgramRun& run) {
  const std::string said = run.timed_out ? "no answer within a minute" : FirstLine(run.output);
  return absl::UnavailableError(absl::StrCat(program, ": ", said.empty() ? run.how : said,
                                             "; see whether Slurm answers: sinfo, scontrol ping"));
}

}  // namespace

bool JobState::active() const {
  static const std::set<std::string> ended = {
      "BOOT_FAIL", "CANCELLED",     "COMPLETED", "DEADLINE", "FAILED",
      "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",  "TIMEOUT"};
  return ended.count(state) == 0;
}

bool JobState::cannot_start() const {
  static const std::set<std::string> stuck = {
      "AccountNotAllowed",  "BadConstraints",   "DependencyNeverSatisfied",
      "InvalidAccount",     "InvalidQOS",       "JobHeldAdmin",
      "JobHeldUser",        "JobLaunchFailure", "PartitionNodeLimit",
      "PartitionTimeLimit", "QOSNotAllowed"};
  return state == "PENDING" && stuck.count(reason) != 0;
}

absl::Status NoSlurmProgram(const std::string& program) {
  return absl::NotFoundError(absl::StrCat(
      program,
      ": no such program on PATH, so this machine submits no Slurm jobs; run strata where Slurm is "
      "installed, add its folder to PATH (module load slurm on some clusters), or train here with "
      "strata train"));
}

absl::StatusOr<std::string> RunSlurm(std::vector<std::string> command) {
  const std::string program = command[0];
  ASSIGN_OR_RETURN(const ProgramRun run, Ask(std::move(command)));
  if (run.clean) return run.output;
  return NoAnswer(program, run);
}

absl::StatusOr<std::string> SubmitScript(const std::filesystem::path& script) {
  ASSIGN_OR_RETURN(const ProgramRun run, Ask({"sbatch", "--parsable", script.string()}));
  if (!run.clean) {
    const std::string refusal = run.timed_out ? "" : SbatchRefusal(run.output);
    return refusal.empty() ? NoAnswer("sbatch", run) : absl::InvalidArgumentError(refusal);
  }
  const std::string job = ReadJobId(run.output);
  if (!job.empty()) return job;
  return absl::UnavailableError("sbatch named no job: " + FirstLine(run.output) +
                                "; see squeue --me");
}

absl::StatusOr<JobStates> AskJobs(const std::vector<std::string>& jobs) {
  JobStates states;
  if (jobs.empty()) return states;
  // A task that waits is part of its array only.
  std::set<std::string> asked;
  for (const std::string& job : jobs) asked.insert(ArrayOf(job));
  ASSIGN_OR_RETURN(states.known, AskSqueue(absl::StrJoin(asked, ",")));
  AskSacct(jobs, &states);
  return states;
}

absl::Status CancelJobs(const std::vector<std::string>& jobs) {
  std::vector<std::string> command = {"scancel"};
  command.insert(command.end(), jobs.begin(), jobs.end());
  return RunSlurm(command).status();
}

}  // namespace strata
