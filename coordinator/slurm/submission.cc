#include "coordinator/slurm/submission.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/config/branch_yaml.h"
#include "coordinator/slurm/branch_jobs.h"
#include "coordinator/slurm/job_record.h"
#include "coordinator/slurm/slurm_commands.h"
#include "coordinator/store/metadata.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kTemplateBytesMax = 1 << 20;

// A branch on its way into a job.
struct Applicant {
  fs::path branch;
  Job job = {};  // as if it were alone
  std::vector<FileLock> held = {};
  std::vector<JobRecord> records = {};
};

absl::StatusOr<JobTemplate> TemplateOf(const Config& config, const SubmitRequest& request) {
  const fs::path file = request.job_template.empty() ? config.slurm_template : request.job_template;
  if (file.empty()) return JobTemplate{"deploy/slurm/job.sh", std::string(JobTemplateText())};
  absl::StatusOr<std::string> text = ReadFile(file, kTemplateBytesMax);
  const auto refused = [&](absl::string_view why) {
    return absl::FailedPreconditionError(absl::StrCat(
        why, "; ", request.job_template.empty() ? "slurm_template in branch.yaml" : "--template",
        " names a job script's template: correct it, or leave it out for strata's own"));
  };
  if (!text.ok()) return refused(text.status().message());
  if (text->rfind("#!", 0) != 0)
    return refused(file.string() + ": does not begin with #!, as sbatch wants of a script");
  if (text->find('\r') != std::string::npos)
    return refused(file.string() + ": has the line ends of Windows (sed -i 's/\\r$//' drops them)");
  return JobTemplate{file.string(), *std::move(text)};
}

absl::StatusOr<Job> JobOf(const Config& config, const SubmitRequest& request) {
  if (config.launcher == "external" && request.launcher.empty()) {
    return absl::FailedPreconditionError(
        "launcher: external: a job would hold its nodes and wait for workers that you start; "
        "submit "
        "with --launcher auto, or train by hand: strata train");
  }
  Job job;
  job.name = absl::StrCat("strata-", config.name);
  job.options = SbatchOptions(request.resources, config.sbatch_args, config.workers);
  for (const std::string& setting : request.set)
    job.train_arguments.insert(job.train_arguments.end(), {"--set", setting});
  // The hosts of a job are those that Slurm gives it.
  if (!config.hosts.empty())
    job.train_arguments.insert(job.train_arguments.end(), {"--set", "hosts=[]"});
  if (!config.hostfile.empty())
    job.train_arguments.insert(job.train_arguments.end(), {"--set", "hostfile=\"\""});
  if (!request.launcher.empty())
    job.train_arguments.insert(job.train_arguments.end(), {"--launcher", request.launcher});
  job.strata = request.strata;
  job.branches = {config.branch};
  ASSIGN_OR_RETURN(job.job_template, TemplateOf(config, request));
  RETURN_IF_ERROR(JobScript(job).status());
  return job;
}

absl::StatusOr<Applicant> ApplicantOf(const fs::path& branch, const SubmitRequest& request) {
  Applicant applicant{.branch = branch};
  ASSIGN_OR_RETURN(const Config config, LoadConfig(branch, request.set));
  ASSIGN_OR_RETURN(applicant.job, JobOf(config, request));
  if (!request.dry_run) {
    ASSIGN_OR_RETURN(FileLock held, HoldSubmissions(config.branch, FileSystem::Real()));
    applicant.held.push_back(std::move(held));
  }
  ASSIGN_OR_RETURN(applicant.records, ReadJobRecords(config.branch));
  return applicant;
}

// Sorted, so that two submissions of the same branches hold them in the same order.
std::vector<fs::path> Distinct(const std::vector<fs::path>& branches) {
  std::set<fs::path> distinct;
  for (const fs::path& branch : branches) {
    std::error_code error;
    const fs::path whole = fs::weakly_canonical(branch, error);
    distinct.insert(error ? branch : whole);
  }
  return {distinct.begin(), distinct.end()};
}

std::string StuckText(const fs::path& branch, const std::string& job, const std::string& reason) {
  return absl::StrCat(branch.string(), " waits for job ", job,
                      ", which does not start as it stands (", reason,
                      "): scontrol changes or releases it, strata cancel ", job,
                      " ends it and lets the next begin");
}

// Each applicant's jobs that Slurm has not let go of. Sentences about those that keep it waiting.
absl::StatusOr<std::vector<std::string>> AddWaits(std::vector<Applicant>* applicants,
                                                  bool dry_run) {
  std::vector<std::string> recorded;
  for (const Applicant& applicant : *applicants) {
    for (const JobRecord& record : applicant.records) recorded.push_back(record.job);
  }
  const absl::StatusOr<JobStates> states = AskJobs(recorded);
  // What would be submitted can be shown on a machine without Slurm.
  if (dry_run && absl::IsNotFound(states.status())) return std::vector<std::string>();
  RETURN_IF_ERROR(states.status());
  std::vector<std::string> stuck;
  for (Applicant& applicant : *applicants) {
    for (const JobRecord& record : applicant.records) {
      const JobState* state = StateOf(*states, record);
      if (state == nullptr || !state->active()) continue;
      applicant.job.after.push_back(record.job);
      if (state->cannot_start())
        stuck.push_back(StuckText(applicant.branch, record.job, state->reason));
    }
  }
  return stuck;
}

bool AskForTheSame(const Job& a, const Job& b) {
  return a.options == b.options && a.train_arguments == b.train_arguments &&
         a.job_template.text == b.job_template.text && a.after.empty() && b.after.empty();
}

std::vector<Job> Grouped(const std::vector<Applicant>& applicants) {
  std::vector<Job> jobs;
  for (const Applicant& applicant : applicants) {
    const auto same = std::find_if(jobs.begin(), jobs.end(), [&](const Job& job) {
      return AskForTheSame(job, applicant.job);
    });
    if (same == jobs.end()) {
      jobs.push_back(applicant.job);
    } else {
      same->name = "strata";
      same->branches.push_back(applicant.job.branches.front());
    }
  }
  return jobs;
}

absl::Status HandOver(SubmittedJob* submitted, FileSystem* files) {
  const fs::path folder = JobsDir(submitted->job.branches.front());
  const fs::path script = folder / "submitting.sh";
  RETURN_IF_ERROR(files->ReplaceFileDurably(script, submitted->script));
  const absl::StatusOr<std::string> id = SubmitScript(script);
  // Without an answer Slurm may have taken it.
  if (absl::IsInvalidArgument(id.status())) (void)files->RemoveTree(script);
  RETURN_IF_ERROR(id.status());
  submitted->id = *id;
  submitted->script_file = folder / (submitted->id + ".sh");
  return absl::OkStatus();
}

// From here on Slurm has the job, whatever fails: one branch whose record can't be written keeps no
// other from its own. The first error.
absl::Status Record(const SubmittedJob& submitted, FileSystem* files) {
  const std::string now = Iso8601(std::chrono::system_clock::now());
  absl::Status done = absl::OkStatus();
  for (size_t i = 0; i < submitted.job.branches.size(); ++i) {
    const fs::path& branch = submitted.job.branches[i];
    done.Update(RecordJob(
        branch, {PartOf(submitted, i), submitted.job.name, now, submitted.script_file, branch},
        files));
  }
  done.Update(
      files->Rename(submitted.script_file.parent_path() / "submitting.sh", submitted.script_file));
  return done;
}

void SubmitJob(const Job& job, bool dry_run, Submission* submission) {
  SubmittedJob submitted{.job = job};
  const auto submit = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(submitted.script, JobScript(job));
    return dry_run ? absl::OkStatus() : HandOver(&submitted, FileSystem::Real());
  };
  const absl::Status done = submit();
  if (!done.ok()) {
    for (const fs::path& branch : job.branches) submission->refused.push_back({branch, done});
    return;
  }
  const absl::Status recorded = dry_run ? absl::OkStatus() : Record(submitted, FileSystem::Real());
  if (!recorded.ok()) {
    submission->warnings.push_back(
        absl::StrCat("job ", submitted.id,
                     " is submitted, but its record is not whole, so that a "
                     "later submit may not wait for it: ",
                     recorded.message()));
  }
  submission->jobs.push_back(std::move(submitted));
}

}  // namespace

std::string PartOf(const SubmittedJob& job, size_t branch) {
  return job.job.branches.size() == 1 ? job.id : absl::StrCat(job.id, "_", branch);
}

Submission Submit(const std::vector<fs::path>& branches, const SubmitRequest& request) {
  Submission submission;
  std::vector<Applicant> applicants;
  for (const fs::path& branch : Distinct(branches)) {
    absl::StatusOr<Applicant> applicant = ApplicantOf(branch, request);
    if (applicant.ok()) {
      applicants.push_back(*std::move(applicant));
    } else {
      submission.refused.push_back({branch, applicant.status()});
    }
  }
  absl::StatusOr<std::vector<std::string>> stuck = AddWaits(&applicants, request.dry_run);
  if (!stuck.ok()) {
    for (const Applicant& applicant : applicants)
      submission.refused.push_back({applicant.branch, stuck.status()});
    return submission;
  }
  submission.warnings = *std::move(stuck);
  for (const Job& job : Grouped(applicants)) SubmitJob(job, request.dry_run, &submission);
  return submission;
}

}  // namespace strata
