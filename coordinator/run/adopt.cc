#include "coordinator/run/adopt.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/status_macros.h"
#include "coordinator/run/imported_candidate.h"
#include "coordinator/run/run_lock.h"
#include "coordinator/store/adoption.h"
#include "coordinator/store/branch_state.h"
#include "coordinator/store/branch_store.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kReportBytesMax = uint64_t{256} << 20;

fs::path AdaptersOf(const fs::path& branch) { return branch / "adapters" / "lora_adapters"; }

bool IsSame(const fs::path& a, const fs::path& b) {
  std::error_code error;
  return fs::equivalent(a, b, error);
}

// Whether there is anything in `folder` that a user could miss.
bool HoldsFiles(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(folder, error))) return false;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (!at->is_directory(error) && at->path().filename() != ".ledger.lock") return true;
  }
  return static_cast<bool>(error);
}

// One adoption from lock to result.
class Adopting {
 public:
  Adopting(const Config& config, const AdoptRequest& request)
      : config_(config),
        request_(request),
        old_(AdaptersOf(request.old)),
        in_place_(IsSame(config.branch, request.old)) {}
  absl::StatusOr<AdoptResult> Run();

 private:
  void Warn(const std::string& sentence) const {
    if (request_.on_warning) request_.on_warning(sentence);
  }
  absl::StatusOr<bool> IsDone();
  absl::Status CheckPlace() const;
  absl::Status Read();
  const Dataset* DatasetNamed(const std::string& name) const;
  void AddHistory(bool is_current, Candidate* candidate) const;
  absl::StatusOr<Candidate> CandidateOf(size_t index);
  Adoption PlanNames();
  absl::Status KeepReport() const;
  absl::Status Describe();

  const Config& config_;
  const AdoptRequest& request_;
  const fs::path old_;  // its adapters
  const bool in_place_;
  Base base_;
  OriginalLayout layout_;
  Catalog catalog_, old_catalog_;
  AdoptResult result_;
};

// Whether the branch has been adopted already, from this folder.
absl::StatusOr<bool> Adopting::IsDone() {
  const fs::path adapters = config_.AdaptersDir();
  ASSIGN_OR_RETURN(result_.finished, FinishAdoption(adapters, FileSystem::Real()));
  if (!IsStrataLayout(adapters)) return false;
  std::error_code error;
  if (in_place_ && fs::exists(OriginalFolder(adapters), error)) return true;
  ASSIGN_OR_RETURN(const BranchStore store, BranchStore::Open(adapters));
  RETURN_IF_ERROR(store.damage());
  if (store.current() != Version()) {
    ASSIGN_OR_RETURN(const Json metadata, store.Metadata(store.current()));
    const auto source = JsonNested(metadata, "imported_from", "the metadata");
    const std::string folder =
        source.ok() ? JsonString(**source, "folder", "the metadata").value_or("") : "";
    if (!in_place_ && folder.rfind(old_.string() + "/", 0) == 0) return true;
  }
  return absl::AlreadyExistsError(absl::StrCat(
      adapters.string(), " has strata's layout already, so there is nothing to adopt",
      in_place_ ? "" : "; strata import takes a single adapter into a branch that has versions"));
}

absl::Status Adopting::CheckPlace() const {
  const fs::path adapters = config_.AdaptersDir();
  if (!IsOriginalLayout(old_)) {
    return absl::NotFoundError(
        absl::StrCat("there is nothing to adopt in ", request_.old.string(), ": it has no ",
                     (old_ / "current/adapter_config.json").string(),
                     "; a single adapter from elsewhere is taken with strata import"));
  }
  if (in_place_) return absl::OkStatus();
  if (HoldsFiles(adapters)) {
    return absl::AlreadyExistsError(
        absl::StrCat(adapters.string(),
                     " holds files, so no other branch's adapters are put there; adopt into a "
                     "branch without adapters"));
  }
  return FileSystem::Real()->RemoveTree(adapters);
}

absl::Status Adopting::Read() {
  ASSIGN_OR_RETURN(base_, OpenBase(config_));
  ASSIGN_OR_RETURN(layout_, ReadOriginalLayout(old_, base_.model, config_.base_model_name));
  ASSIGN_OR_RETURN(
      const AdapterFolder current,
      ReadAdapterFolder(layout_.adapters.back().folder, base_.model, config_.base_model_name));
  RETURN_IF_ERROR(CheckFits(current, config_, base_.target_modules));
  for (const std::string& warning : WarningsOf(current, config_)) Warn(warning);
  ASSIGN_OR_RETURN(catalog_, CatalogOrEmpty(config_));
  if (in_place_) return absl::OkStatus();
  Config of_old = config_;
  of_old.branch = request_.old;
  ASSIGN_OR_RETURN(old_catalog_, CatalogOrEmpty(of_old));
  return absl::OkStatus();
}

// By its name, as a history has it; the branch's own file before the old branch's.
const Dataset* Adopting::DatasetNamed(const std::string& name) const {
  const std::string file = fs::path(name).filename().string();
  for (const Catalog* catalog : {&catalog_, &old_catalog_}) {
    for (const Dataset& dataset : catalog->datasets) {
      if (dataset.name == file || dataset.name == file + ".jsonl") return &dataset;
    }
  }
  return nullptr;
}

void Adopting::AddHistory(bool is_current, Candidate* candidate) const {
  const auto history = JsonNested(candidate->origin->metadata, "training_history", "the metadata");
  if (!history.ok() || request_.retrain) return;
  std::set<std::string> added;
  for (const Json& line : **history) {
    const std::string name = JsonString(line, "dataset", "the history").value_or("");
    const Dataset* dataset = name.empty() ? nullptr : DatasetNamed(name);
    if (dataset == nullptr || dataset->examples.empty() || !added.insert(dataset->name).second)
      continue;
    const int64_t epochs = JsonInteger(line, "epochs", "the history").value_or(0);
    AddTrainedElsewhere(*dataset, static_cast<uint32_t>(std::clamp<int64_t>(epochs, 0, 1 << 20)),
                        candidate);
    const int64_t examples = JsonInteger(line, "examples", "the history").value_or(0);
    const auto now = static_cast<int64_t>(dataset->examples.size());
    if (!is_current || examples == 0 || examples == now) continue;
    Warn(absl::StrCat(dataset->name, " has ", now, " good examples, the history says ", examples,
                      " were trained; it counts as trained as it is now"));
  }
}

absl::StatusOr<Candidate> Adopting::CandidateOf(size_t index) {
  const OldAdapter& old = layout_.adapters[index];
  ASSIGN_OR_RETURN(AdapterFolder read,
                   ReadAdapterFolder(old.folder, base_.model, config_.base_model_name));
  std::string warning;
  ASSIGN_OR_RETURN(Candidate candidate, CandidateFrom(config_, base_, read, &warning));
  if (!warning.empty()) Warn(warning);
  candidate.run = RunId(absl::StrCat(candidate.run.value(), "-", index + 1));
  const bool is_current = index + 1 == layout_.adapters.size();
  AddHistory(is_current, &candidate);
  Json& source = candidate.origin->imported_from;
  if (in_place_) {
    source["folder"] =
        (OriginalFolder(config_.AdaptersDir()) / old.folder.lexically_relative(old_)).string();
  }
  source["names"] = old.names;
  source["last_updated"] = old.time;
  if (is_current) result_.trained = candidate.stages;
  result_.versions.push_back({Version(static_cast<uint32_t>(index + 1)), old.names, old.time});
  return candidate;
}

Adoption Adopting::PlanNames() {
  Adoption adoption;
  adoption.adapters = layout_.adapters.size();
  adoption.candidate = [this](size_t index) { return CandidateOf(index); };
  for (size_t i = 0; i < layout_.adapters.size(); ++i) {
    for (const std::string& name : layout_.adapters[i].names) {
      if (IsBackupName(name)) {
        adoption.backups.emplace_back(name, i);
      } else if (name != "current" && name != "previous") {
        adoption.pins.emplace_back(CheckPinName(name).ok() ? name : "snapshot_" + name, i);
      }
    }
  }
  // By their time, which stands behind the kind: backup_current_T and backup_previous_T together.
  std::sort(adoption.backups.begin(), adoption.backups.end(), [](const auto& a, const auto& b) {
    const auto key = [](const std::string& name) {
      return std::pair(name.substr(name.find('_', sizeof "backup_")), name);
    };
    return key(a.first) < key(b.first);
  });
  return adoption;
}

// The next training writes its report over the old system's.
absl::Status Adopting::KeepReport() const {
  if (!in_place_) return absl::OkStatus();
  const fs::path kept = config_.branch / "incremental_training_results.original.json";
  std::error_code error;
  if (fs::exists(kept, error)) return absl::OkStatus();
  const absl::StatusOr<std::string> report =
      ReadFile(config_.branch / "incremental_training_results.json", kReportBytesMax);
  if (absl::IsNotFound(report.status())) return absl::OkStatus();
  if (!report.ok()) return report.status();
  return FileSystem::Real()->ReplaceFileDurably(kept, *report);
}

// What the branch has now, whether it was adopted just now or before.
absl::Status Adopting::Describe() {
  ASSIGN_OR_RETURN(const BranchStore store, BranchStore::Open(config_.AdaptersDir()));
  RETURN_IF_ERROR(store.damage());
  result_.original = in_place_ ? OriginalFolder(config_.AdaptersDir()) : old_;
  ASSIGN_OR_RETURN(const std::vector<BackupInfo> backups, store.Backups());
  for (const BackupInfo& backup : backups)
    result_.backups.emplace_back(backup.name, backup.version);
  for (const PinInfo& pin : store.Pins()) result_.pins.emplace_back(pin.name, pin.version);
  ASSIGN_OR_RETURN(catalog_, CatalogOrEmpty(config_));
  ASSIGN_OR_RETURN(const Lineage lineage, store.LineageOfCurrent());
  result_.pending = PendingNames(config_, catalog_, lineage);
  return absl::OkStatus();
}

absl::StatusOr<AdoptResult> Adopting::Run() {
  ASSIGN_OR_RETURN(result_.already, IsDone());
  if (!result_.already) {
    RETURN_IF_ERROR(CheckPlace());
    RETURN_IF_ERROR(Read());
    RETURN_IF_ERROR(KeepReport());
    result_.left = layout_.left;
    if (in_place_) {
      const std::string now = OriginalFolder(config_.AdaptersDir()).string() + "/";
      for (LeftFolder& left : result_.left)
        absl::StrReplaceAll({{old_.string() + "/", now}}, &left.reason);
    }
    result_.previous_was_current = layout_.previous_was_current;
    RETURN_IF_ERROR(Adopt(config_.AdaptersDir(), PlanNames(), FileSystem::Real()));
  }
  RETURN_IF_ERROR(Describe());
  return result_;
}

}  // namespace

absl::StatusOr<AdoptResult> AdoptBranch(const Config& config, const AdoptRequest& request) {
  ASSIGN_OR_RETURN(const FileLock lock, HoldForRun(config));
  return Adopting(config, request).Run();
}

}  // namespace strata
