#include "coordinator/run/training.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/config/branch_yaml.h"
#include "coordinator/launch/thread_room.h"
#include "coordinator/plan/initial_adapter.h"
#include "coordinator/run/branch_start.h"
#include "coordinator/run/interrupted_run.h"
#include "coordinator/run/join_files.h"
#include "coordinator/run/launcher_choice.h"
#include "coordinator/run/micro_batch_choice.h"
#include "coordinator/run/preparation.h"
#include "coordinator/run/rebuild.h"
#include "coordinator/run/run_access.h"
#include "coordinator/run/run_folder.h"
#include "coordinator/run/run_lock.h"
#include "coordinator/run/stage_results.h"
#include "coordinator/run/train_task.h"
#include "coordinator/run/training_room.h"
#include "coordinator/store/report.h"
#include "coordinator/store/version_folder.h"
#include "coordinator/store/writable.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using SystemClock = std::chrono::system_clock;

void Tell(const TrainRequest& request, RunNews news) {
  if (request.observer != nullptr) request.observer->Tell(std::move(news));
}

void Warn(const TrainRequest& request, const std::string& sentence) {
  Tell(request, WarningSeen{sentence});
  if (request.on_warning) request.on_warning(sentence);
}

// Of many branches, one may be stopped while it is planned.
absl::Status CheckNotStopped(const TrainRequest& request) {
  if (request.stops == nullptr || request.stops->load() == 0) return absl::OkStatus();
  return absl::CancelledError("stopped before its training began; nothing was changed");
}

// One run in the making; its parts live as long as it does.
class Training {
 public:
  Training(const Config& config, const TrainRequest& request, BranchStore* store)
      : config_(config), request_(request), store_(store), started_(SystemClock::now()) {}

  absl::StatusOr<TrainResult> Run();

 private:
  absl::Status OpenModel();
  // Plans a new run and makes its folder; false when there is nothing to train.
  absl::StatusOr<bool> Begin();
  // Goes on with the run that was interrupted; false when none was.
  absl::StatusOr<bool> TakeUp();
  absl::Status DropInterrupted();
  absl::StatusOr<std::vector<float>> FirstAdapter() const;
  DriveInput InputOf(std::vector<float> adapter);
  // Where the user starts the workers: leaves them what they join by, and says how.
  absl::Status Invite(const JoinAddress& join);
  // What is current then.
  absl::StatusOr<std::string> Commit(const std::vector<float>& adapter, const RunState& state);
  bool NothingToTrain();
  // The programs are there, and the adapters' folder takes a version.
  absl::Status CheckMachine() const;
  absl::Status Report();
  void TryToReport();
  void Conclude(const DriveOutcome& outcome);

  Config config_;  // with the micro-batch chosen once it has begun
  const TrainRequest& request_;
  BranchStore* const store_;
  const SystemClock::time_point started_;
  std::unique_ptr<Launcher> launcher_;  // until the driver has it
  Base base_;
  MicroBatch micro_batch_;
  Settings settings_;
  Preparation preparation_;  // of a new run
  RunMaterial material_;     // from the run's folder
  fs::path folder_;          // runs/<run>
  bool goes_on_ = false;     // with a run that was interrupted
  std::vector<InterruptedRun> dropped_;
  Access access_;
  std::unique_ptr<JoinFiles> join_files_;
  std::unique_ptr<ShardSource> shards_;
  std::unique_ptr<RunDriver> driver_;
  TrainResult result_;
  Json metadata_;
  absl::Status refused_;  // why what was trained is not committed, whatever the branch is like
};

absl::Status Training::Invite(const JoinAddress& join) {
  join_files_ = std::make_unique<JoinFiles>(folder_ / "join");
  RETURN_IF_ERROR(join_files_->Write(join));
  const JoinCommand command{LaunchOf(config_, folder_).arguments, config_.worker_env,
                            config_.network_interface};
  if (request_.on_invitation) request_.on_invitation(join_files_->Invitation(join, command));
  return absl::OkStatus();
}

// The base, and what the settings mean on it.
absl::Status Training::OpenModel() {
  ASSIGN_OR_RETURN(base_, OpenBase(config_));
  micro_batch_ = ChooseMicroBatch(config_, base_, BudgetHere(config_));
  config_ = Settled(config_, micro_batch_);
  Config effective = config_;
  effective.dtype = base_.dtype;
  settings_ = EffectiveValues(effective);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<float>> Training::FirstAdapter() const {
  const Version current = store_->current();
  if (material_.plan.rebuild || current.value() == 0)
    return InitialAdapter(base_.layout, config_.seed);
  RETURN_IF_ERROR(CheckContinues(config_, base_, *store_, current));
  return store_->ReadAdapter(current, base_.layout);
}

absl::Status Training::CheckMachine() const {
  RETURN_IF_ERROR(launcher_->Check(LaunchOf(config_, folder_)));
  RETURN_IF_ERROR(CheckThreadRoom());
  RETURN_IF_ERROR(CheckWritable(config_.AdaptersDir(), FileSystem::Real()));
  return CheckTrainingRoom(config_, base_, *store_, FileSystem::Real());
}

DriveInput Training::InputOf(std::vector<float> adapter) {
  DriveInput input;
  input.spec = TrainSpecOf(config_, material_.plan, result_.run, launcher_->waits_for_user());
  for (const StagePlan& stage : material_.plan.stages) input.stage_names.push_back(stage.dataset);
  input.task = TrainTaskOf(config_, base_, material_.plan);
  input.adapter = std::move(adapter);
  input.shards = shards_.get();
  input.access = access_;
  input.launch = LaunchOf(config_, folder_);
  input.folder = folder_;
  input.observer = request_.observer;
  input.on_warning = [this](const std::string& sentence) { Warn(request_, sentence); };
  input.on_joined = [this](const std::vector<RankSeat>& by_rank) {
    result_.ranks = by_rank;
    if (request_.on_joined) request_.on_joined(by_rank);
  };
  if (launcher_->waits_for_user())
    input.on_listening = [this](const JoinAddress& join) { return Invite(join); };
  input.launcher = std::move(launcher_);
  input.on_step = request_.on_step;
  input.on_evaluation = request_.on_evaluation;
  input.stops = request_.stops;
  input.commit = [this](const std::vector<float>& trained, const RunState& state) {
    absl::StatusOr<std::string> committed = Commit(trained, state);
    return CommitAnswer{std::move(committed), !refused_.ok()};
  };
  return input;
}

absl::StatusOr<std::string> Training::Commit(const std::vector<float>& adapter,
                                             const RunState& state) {
  Candidate candidate;
  candidate.parent = material_.plan.parent;
  candidate.fresh_lineage = material_.plan.rebuild;
  candidate.run = result_.run;
  candidate.layout = base_.layout;
  candidate.adapter = adapter;
  candidate.digest = *state.candidate;
  candidate.lora_r = config_.lora_r;
  candidate.lora_alpha = config_.lora_alpha;
  candidate.use_rslora = config_.use_rslora;
  candidate.lora_dropout = config_.lora_dropout;
  candidate.target_modules = base_.target_modules;
  candidate.adapter_name = config_.name;
  candidate.base_model_name = config_.base_model_name;
  candidate.base_fingerprint = base_.fingerprint;
  candidate.chat_template = material_.chat_template;
  candidate.stages = StageResults(material_.plan, state, driver_->record());
  candidate.keep_backups = config_.keep_backups;
  candidate.settings = settings_;
  candidate.now = SystemClock::now();
  candidate.training_seconds =
      driver_->seconds_before() + std::chrono::duration<double>(candidate.now - started_).count();
  bool any = false;
  for (const StagePlan& stage : material_.plan.stages) {
    if (!candidate.stages[stage.index].trained()) continue;
    any = true;
    for (const uint32_t example :
         TrainedExamples(material_.plan, stage, state, driver_->record())) {
      candidate.examples[stage.dataset].push_back(material_.contents[stage.index][example]);
    }
  }
  refused_ = CheckRebuildIsWhole(material_.plan, candidate.stages);
  if (refused_.ok() && !any) {
    refused_ = absl::DataLossError(
        "no dataset could be trained, for the reasons above; current is untouched");
  }
  if (refused_.ok()) refused_ = CheckCandidate(candidate);
  RETURN_IF_ERROR(refused_);
  // What fails from here on is the branch's or the disk's fault: the run can be gone on with.
  ASSIGN_OR_RETURN(CommitOutcome outcome, store_->Commit(candidate));
  result_.version = outcome.version;
  result_.parked = outcome.parked;
  result_.backups = outcome.backups;
  if (!outcome.rotation_pending.empty()) Warn(request_, outcome.rotation_pending);
  if (!outcome.mirror_pending.empty()) Warn(request_, outcome.mirror_pending);
  metadata_ = std::move(outcome.metadata);
  Tell(request_, CommitSeen{outcome.version, outcome.parked});
  return absl::StrCat(VersionName(outcome.version), outcome.parked ? " is parked" : " is current");
}

void Training::Conclude(const DriveOutcome& outcome) {
  result_.reason = outcome.reason;
  // Without a version only the errors are results: what was trained is gone.
  result_.stages = StageResults(material_.plan, outcome.state, driver_->record());
  if (result_.version.value() == 0)
    std::erase_if(result_.stages, [](const StageResult& stage) { return stage.trained(); });
  const size_t failed = outcome.state.stage_errors.size();
  result_.data_at_fault = !refused_.ok() || failed == material_.plan.stages.size() ||
                          (failed > 0 && config_.on_dataset_error == OnDatasetError::kStop);
  result_.seconds = std::chrono::duration<double>(SystemClock::now() - started_).count();
  bool errors = false;
  for (const StageResult& stage : result_.stages) errors |= !stage.trained();
  for (const SkippedDataset& skipped : material_.plan.skipped) errors |= skipped.is_error;
  if (outcome.verdict == Verdict::kInterrupted) {
    result_.status = "interrupted";
  } else if (outcome.verdict == Verdict::kFailed) {
    result_.status = "failed";
    if (!result_.data_at_fault) {
      absl::StrAppend(&result_.reason,
                      " (what the workers said: ", (folder_ / "worker.log").string(), ")");
    }
  } else {
    result_.status = errors ? "partial" : "completed";
  }
}

absl::Status Training::Report() {
  RunReport report = ReportOf(result_.stages, material_.plan.skipped);
  // Also a run that ended before it began is newer than the last commit.
  report.run = result_.run.value().empty() ? NewRunId(started_).value() : result_.run.value();
  report.start_time = Iso8601(started_);
  report.end_time = Iso8601(SystemClock::now());
  report.status = result_.status;
  report.backups = result_.backups;
  report.final_metadata = metadata_;
  return WriteReport(ReportFile(config_), report, FileSystem::Real());
}

// What the run made stands without it.
void Training::TryToReport() {
  if (const absl::Status reported = Report(); !reported.ok()) {
    Warn(request_, absl::StrCat("the report was not written: ", reported.message()));
  }
}

// True when the run ends before it begins; says why.
bool Training::NothingToTrain() {
  const SkippedDataset* broken = nullptr;
  for (const SkippedDataset& skipped : result_.skipped) {
    if (skipped.is_error && broken == nullptr) broken = &skipped;
  }
  const absl::Status whole = CheckRebuildIsWhole(preparation_.plan, {});
  const bool stops = broken != nullptr && config_.on_dataset_error == OnDatasetError::kStop;
  if (!preparation_.plan.stages.empty() && !stops && whole.ok()) return false;
  result_.data_at_fault = broken != nullptr;
  result_.nothing_pending = broken == nullptr;
  result_.status = broken != nullptr ? "failed" : "completed";
  result_.reason =
      !whole.ok() ? std::string(whole.message())
      : broken == nullptr && request_.plan.rebuild
          ? "no dataset is left to make the adapter from: each is excluded or empty"
      : preparation_.catalog.datasets.empty() ? "nothing pending: training/ has no *.jsonl file"
      : broken == nullptr                     ? "nothing pending"
      : stops ? absl::StrCat(broken->dataset, " cannot be trained (on_dataset_error: stop)")
              : "no dataset that is pending can be trained";
  return true;
}

absl::StatusOr<bool> Training::TakeUp() {
  RemoveLeftCheckpoints(config_, *store_);
  std::vector<InterruptedRun> interrupted = InterruptedRuns(config_, *store_);
  if (request_.restart) {
    dropped_ = std::move(interrupted);
    return false;
  }
  if (interrupted.empty()) return false;
  if (interrupted.size() > 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("more than one run is interrupted: ", interrupted[0].folder.string(), " and ",
                     interrupted[1].folder.string(),
                     "; move the copy away, or drop both: strata train --restart"));
  }
  const InterruptedRun& run = interrupted[0];
  RETURN_IF_ERROR(run.damage);
  absl::StatusOr<RunMaterial> material = ReadRunFolder(run.folder, config_);
  if (!material.ok()) return CannotGoOn(run, material.status());
  material_ = *std::move(material);
  ASSIGN_OR_RETURN(const Lineage lineage, store_->LineageWithoutExamples());
  RETURN_IF_ERROR(CheckGoesOn(
      run, material_,
      {request_.plan, base_.fingerprint, settings_, store_->current(), lineage.excluded}));
  result_.run = run.run;
  result_.skipped = material_.plan.skipped;
  folder_ = run.folder;
  goes_on_ = true;
  return true;
}

absl::StatusOr<bool> Training::Begin() {
  ASSIGN_OR_RETURN(preparation_, Prepare(config_, *store_, request_.plan, request_.on_tokenize));
  // What there is to report is there before the folder.
  material_.plan = preparation_.plan;
  result_.skipped = preparation_.plan.skipped;
  if (preparation_.plan.rebuild) {
    const std::string forgotten =
        ForgottenText(ForgottenByRebuild(preparation_.catalog, preparation_.lineage));
    if (!forgotten.empty()) Warn(request_, forgotten);
  }
  if (NothingToTrain()) {
    if (result_.status == "failed") TryToReport();
    return false;
  }
  for (const std::string& warning : preparation_.template_warnings) Warn(request_, warning);
  RETURN_IF_ERROR(FirstAdapter().status());
  RETURN_IF_ERROR(CheckNotStopped(request_));
  RETURN_IF_ERROR(CheckMachine());
  result_.run = NewRunId(started_);
  folder_ = config_.RunsDir() / result_.run.value();
  RETURN_IF_ERROR(
      WriteRunFolder(folder_, preparation_, {request_.plan, base_.fingerprint, settings_}));
  ASSIGN_OR_RETURN(material_, ReadRunFolder(folder_, config_));
  return true;
}

// Last of all that can fail before the launch: what was interrupted is gone then.
absl::Status Training::DropInterrupted() {
  for (const InterruptedRun& run : dropped_) RETURN_IF_ERROR(Drop(run));
  return absl::OkStatus();
}

absl::StatusOr<TrainResult> Training::Run() {
  launcher_ = LauncherOf(config_);
  RETURN_IF_ERROR(OpenModel());
  ASSIGN_OR_RETURN(bool begun, TakeUp());
  if (!begun) {
    ASSIGN_OR_RETURN(begun, Begin());
    if (begun || result_.nothing_pending) RETURN_IF_ERROR(DropInterrupted());
    if (!begun) return result_;
  }
  if (const std::string room = NoRoomText(micro_batch_, config_); !room.empty())
    Warn(request_, room);
  ASSIGN_OR_RETURN(std::vector<float> adapter, FirstAdapter());
  RETURN_IF_ERROR(CheckMachine());
  ASSIGN_OR_RETURN(access_, NewAccess(config_, launcher_->leaves_this_machine()));
  std::vector<const DatasetTokens*> tokens;
  for (const DatasetTokens& of_stage : material_.tokens) tokens.push_back(&of_stage);
  shards_ = std::make_unique<ShardSource>(&material_.plan, std::move(tokens));
  driver_ = std::make_unique<RunDriver>(InputOf(std::move(adapter)));
  RETURN_IF_ERROR(driver_->Open());
  if (request_.on_start) {
    request_.on_start(
        {material_.plan, base_.layout.elements, settings_, result_.run,
         goes_on_ ? std::optional(driver_->begins_at().value_or(Position())) : std::nullopt,
         folder_});
  }
  ASSIGN_OR_RETURN(const DriveOutcome outcome, driver_->Drive());
  Conclude(outcome);
  Tell(request_, RunEndSeen{result_.status, result_.reason});
  if (metadata_.is_null() && store_->current().value() != 0) {
    // What a rebuild did not replace may be damaged; the report goes without it.
    absl::StatusOr<Json> metadata = store_->Metadata(store_->current());
    if (metadata.ok()) metadata_ = *std::move(metadata);
  }
  TryToReport();
  return result_;
}

}  // namespace

absl::StatusOr<TrainResult> Train(const Config& config, const TrainRequest& request) {
  ASSIGN_OR_RETURN(const FileLock lock, HoldForRun(config));
  ASSIGN_OR_RETURN(BranchStore store, OpenBranchStore(config));
  const auto warn = [&](const std::string& sentence) { Warn(request, sentence); };
  RETURN_IF_ERROR(StartBranch(request.plan.rebuild, &store, warn));
  RETURN_IF_ERROR(MendReportOf(config, store, warn));
  return Training(config, request, &store).Run();
}

}  // namespace strata
