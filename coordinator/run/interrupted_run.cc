#include "coordinator/run/interrupted_run.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/run/run_journal.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

// They change when and where something is computed, and how it is kept; never what.
const std::set<std::string>& FreeSettings() {
  static const std::set<std::string> free = {"name",
                                             "workers",
                                             "min_workers",
                                             "micro_batch_size",
                                             "gpu_memory_gb",
                                             "gradient_checkpointing",
                                             "device",
                                             "launcher",
                                             "hosts",
                                             "hostfile",
                                             "srun_args",
                                             "worker_env",
                                             "network_interface",
                                             "mpirun",
                                             "mpirun_args",
                                             "sbatch_args",
                                             "slurm_template",
                                             "save_steps",
                                             "save_minutes",
                                             "max_restarts",
                                             "ddp_timeout",
                                             "keep_backups",
                                             "backup_mirror",
                                             "listen",
                                             "report_to",
                                             "logging_dir",
                                             "metrics_file",
                                             "metrics_port",
                                             "log_format",
                                             "tls_certificate_file",
                                             "tls_key_file",
                                             "model_name_or_path"};
  return free;
}

absl::Status Differs(const InterruptedRun& run, const std::string& how) {
  return absl::FailedPreconditionError(absl::StrCat(
      "the run ", run.run.value(), " was interrupted at ", PlaceText(run.next),
      " and can't go on: ", how, "; or drop what it has trained: strata train --restart"));
}

// The runs' folders, by name.
std::vector<fs::path> RunFolders(const Config& config) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (const fs::directory_entry& run : fs::directory_iterator(config.RunsDir(), error))
    folders.push_back(run.path());
  std::sort(folders.begin(), folders.end());
  return folders;
}

bool HasCheckpointFile(const fs::path& folder) {
  std::error_code none;
  const fs::directory_iterator files(folder / "checkpoints", none);
  return std::any_of(begin(files), end(files), [](const fs::directory_entry& file) {
    return file.path().extension() == ".checkpoint";
  });
}

bool Same(const PlanRequest& a, const PlanRequest& b) {
  return a.all == b.all && a.datasets == b.datasets && a.rebuild == b.rebuild;
}

}  // namespace

std::vector<InterruptedRun> InterruptedRuns(const Config& config, const BranchStore& store) {
  std::vector<InterruptedRun> interrupted;
  for (const fs::path& folder : RunFolders(config)) {
    const bool has_file = HasCheckpointFile(folder);
    InterruptedRun run{RunId(folder.filename().string()), folder, {}};
    std::error_code missing;
    const absl::StatusOr<RunJournal> journal = RunJournal::Open(folder / "journal.jsonl");
    if (store.HasCommitted(run.run) || (journal.ok() && journal->closed())) continue;
    // A journal that can't be read says nothing of one that was dropped.
    if (!has_file && (!journal.ok() || journal->Checkpoints().empty())) continue;
    if (!journal.ok()) {
      run.damage = CannotGoOn(run, journal.status());
    } else if (journal->lines().empty() || !fs::exists(folder / "run.json", missing)) {
      run.damage =
          CannotGoOn(run, absl::DataLossError(absl::StrCat((folder / "journal.jsonl").string(),
                                                           " or run.json beside it is missing")));
    } else if (const std::vector<Checkpoint> counted = journal->Checkpoints(); !counted.empty()) {
      run.next = counted.back().next;
      if (!has_file) {
        run.damage =
            CannotGoOn(run, absl::DataLossError(absl::StrCat("its checkpoints are gone from ",
                                                             (folder / "checkpoints").string())));
      }
    } else {
      continue;  // taken, but not proved by every rank: nothing to go on from
    }
    interrupted.push_back(std::move(run));
  }
  return interrupted;
}

void RemoveLeftCheckpoints(const Config& config, const BranchStore& store) {
  for (const fs::path& folder : RunFolders(config)) {
    std::error_code none;
    if (!fs::exists(folder / "checkpoints", none) && !fs::exists(folder / "join", none)) continue;
    const absl::StatusOr<RunJournal> journal = RunJournal::Open(folder / "journal.jsonl");
    const bool over = store.HasCommitted(RunId(folder.filename().string())) ||
                      (journal.ok() && journal->closed());
    std::error_code stays;
    for (const char* left : {"checkpoints", "join"}) {
      if (over) fs::remove_all(folder / left, stays);
    }
  }
}

absl::Status CannotGoOn(const InterruptedRun& run, const absl::Status& why) {
  return absl::Status(
      why.code() == absl::StatusCode::kNotFound ? absl::StatusCode::kDataLoss : why.code(),
      absl::StrCat("the run ", run.run.value(),
                   " was interrupted, and what it kept is damaged: ", why.message(),
                   "; put a good copy back, or drop what it has trained: strata train --restart"));
}

std::string UnfinishedText(const InterruptedRun& run) {
  if (!run.damage.ok()) return std::string(run.damage.message());
  return absl::StrCat("not finished; its last checkpoint is before ", PlaceText(run.next));
}

absl::Status CheckGoesOn(const InterruptedRun& run, const RunMaterial& material, const Terms& now) {
  const PlanRequest& asked = now.request;
  const bool plain = !asked.all && asked.datasets.empty();
  if (material.request.rebuild != asked.rebuild) {
    return Differs(run, material.request.rebuild
                            ? "it makes the adapter anew; go on with: strata rebuild"
                            : "it is no rebuild; go on with: strata train");
  }
  if (!plain && !Same(material.request, asked))
    return Differs(run, "it trains other datasets; go on with: strata train");
  if (material.base_fingerprint != now.base_fingerprint) {
    return Differs(run, absl::StrCat("its base model had the fingerprint ",
                                     material.base_fingerprint.Hex(), ", the base is now ",
                                     now.base_fingerprint.Hex(), "; put that base back"));
  }
  if (material.plan.parent != now.current && material.plan.parent == Version()) {
    return Differs(run, absl::StrCat("it began the branch's first adapter, but current is ",
                                     VersionName(now.current)));
  }
  if (material.plan.parent != now.current) {
    return Differs(run, absl::StrCat("it goes on from ", VersionName(material.plan.parent),
                                     ", but current is ", VersionName(now.current),
                                     "; strata restore ", VersionName(material.plan.parent)));
  }
  for (const StagePlan& stage : material.plan.stages) {
    if (now.excluded.count(stage.dataset) == 0) continue;
    return Differs(run, absl::StrCat("it trains ", stage.dataset,
                                     ", which is excluded since; strata include ", stage.dataset));
  }
  const std::map<std::string, std::string> then(material.settings.begin(), material.settings.end());
  for (const auto& [key, value] : now.settings) {
    const auto before = then.find(key);
    if (before == then.end() || before->second == value || FreeSettings().count(key) > 0) continue;
    return Differs(run, absl::StrCat(key, " was ", before->second, " and is ", value,
                                     "; set it back in branch.yaml"));
  }
  return absl::OkStatus();
}

absl::Status Drop(const InterruptedRun& run) {
  // A journal that can't be read takes no line more; without checkpoints nothing goes on from it.
  absl::StatusOr<RunJournal> journal = RunJournal::Open(run.folder / "journal.jsonl");
  if (journal.ok()) {
    JournalLine dropped{.kind = "dropped", .words = "by --restart", .attempt = AttemptId()};
    dropped.resumable = false;
    RETURN_IF_ERROR(journal->Append(dropped));
  }
  std::error_code stays;
  for (const char* left : {"checkpoints", "join"}) fs::remove_all(run.folder / left, stays);
  return absl::OkStatus();
}

}  // namespace strata
