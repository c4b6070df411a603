// The branch's own state: what its files say, whatever the machine.
#include "absl/strings/str_cat.h"
#include "common/counted.h"
#include "common/folder_path.h"
#include "common/posix_file.h"
#include "coordinator/config/branch_yaml.h"
#include "coordinator/doctor/examination.h"
#include "coordinator/doctor/machine.h"
#include "coordinator/run/branch_start.h"
#include "coordinator/tokens/token_store.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kOfBranch = {"base",   "tokenizer", "training",
                                            "ledger", "lineage",   "run.lock"};

std::string WordsOf(const absl::Status& status) { return std::string(status.message()); }

void ExamineSettings(Examination* examination) {
  const fs::path& branch = examination->request.branch;
  absl::StatusOr<Config> config = LoadConfig(branch, examination->request.set);
  std::error_code error;
  const bool is_branch = fs::exists(branch / "branch.yaml", error);
  Findings& findings = examination->findings;
  if (!is_branch && !examination->request.branch_named) {
    findings.Add(
        NotTried("branch.yaml", "no branch here: its checks are left out; -C DIR names one"));
    return;
  }
  if (fs::is_directory(branch, error))
    examination->branch = FolderPath(fs::absolute(branch, error));
  if (config.ok()) {
    findings.Add(Fine("branch.yaml", absl::StrCat((config->branch / "branch.yaml").string(),
                                                  " can be read, adapter ", config->name)));
    examination->config = *std::move(config);
  } else if (!is_branch) {
    findings.Add(Problem("branch.yaml", absl::StrCat("no branch.yaml in ", branch.string()),
                         absl::StrCat("strata init ", branch.string(),
                                      " --base-model PATH, or -C with another folder")));
  } else {
    findings.Add(Problem("branch.yaml", WordsOf(config.status()),
                         "correct that line; deploy/branch.sample.yaml lists every setting"));
  }
}

std::string RemedyOfBase(const absl::Status& status, const Config& config) {
  const std::string setting =
      absl::StrCat("model_name_or_path in ", (config.branch / "branch.yaml").string());
  if (absl::IsFailedPrecondition(status))
    return absl::StrCat("name a base that this version handles by ", setting,
                        ", or change the setting that it names");
  if (absl::IsDataLoss(status))
    return absl::StrCat("get the base's files again, or change ", setting);
  return absl::StrCat("set ", setting, " to a Hugging Face folder: config.json, tokenizer.json, ",
                      "*.safetensors");
}

void ExamineBase(Examination* examination) {
  const Config& config = *examination->config;
  absl::StatusOr<Base> base = OpenBase(config);
  if (!base.ok()) {
    examination->findings.Add(
        Problem("base", WordsOf(base.status()), RemedyOfBase(base.status(), config)));
    return;
  }
  examination->findings.Add(
      Fine("base", absl::StrCat(base->model.architecture, " of ", base->model.num_hidden_layers,
                                " layers at ", config.model_name_or_path.string(), ", computed in ",
                                base->dtype, "; ", base->layout.elements, " parameters to train")));
  examination->base = *std::move(base);
}

void ExamineTokenizer(Examination* examination) {
  const Config& config = *examination->config;
  const auto store = TokenStore::Open(config);
  examination->findings.Add(store.ok()
                                ? Fine("tokenizer", "tokenizer.json can be read")
                                : Problem("tokenizer", WordsOf(store.status()),
                                          absl::StrCat("put the base's own tokenizer.json and "
                                                       "tokenizer_config.json into ",
                                                       config.model_name_or_path.string())));
}

void ExamineTraining(Examination* examination) {
  const fs::path folder = examination->config->TrainingDir();
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    examination->findings.Add(
        Problem("training", absl::StrCat("no folder ", folder.string()),
                absl::StrCat("mkdir -p ", folder.string(), " and put *.jsonl files there")));
    return;
  }
  int files = 0;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    files += at->path().extension() == ".jsonl" ? 1 : 0;
  if (error) {
    examination->findings.Add(
        Problem("training", absl::StrCat("cannot list ", folder.string(), ": ", error.message()),
                absl::StrCat("chmod u+rx ", folder.string())));
  } else if (files == 0) {
    examination->findings.Add(Warning("training", absl::StrCat("no *.jsonl in ", folder.string()),
                                      absl::StrCat("cp *.jsonl ", folder.string(), "/")));
  } else {
    examination->findings.Add(
        Fine("training",
             absl::StrCat(Counted(files, "dataset"), "; strata plan says what would be trained")));
  }
}

void ExamineLineage(const BranchStore& store, Examination* examination) {
  Findings& findings = examination->findings;
  if (!store.damage().ok() || !examination->base) {
    findings.Add(NotTried("lineage", !examination->base ? "see base" : "see ledger"));
  } else if (store.current().value() == 0) {
    findings.Add(Fine("lineage", "no adapter yet that the base would have to fit"));
  } else if (const absl::Status fits =
                 CheckContinues(*examination->config, *examination->base, store, store.current());
             !fits.ok()) {
    findings.Add(Problem("lineage", WordsOf(fits),
                         absl::StrCat("put back what ", VersionName(store.current()),
                                      " was trained with, or begin another branch: strata init")));
  } else {
    findings.Add(Fine("lineage", absl::StrCat("the base is the one that ",
                                              VersionName(store.current()), " was trained on")));
  }
}

// The ledger against the folders and links.
void ExamineStore(Examination* examination) {
  const Config& config = *examination->config;
  const std::string branch = config.branch.string();
  Findings& findings = examination->findings;
  const auto store = OpenBranchStore(config);
  if (!store.ok()) {
    findings.Add(Problem("ledger", WordsOf(store.status()),
                         absl::StrCat("ls -l ", config.AdaptersDir().string())));
    findings.Add(NotTried("lineage", "see ledger"));
    return;
  }
  const std::vector<std::string> wrong = store->CheapFindings();
  const std::string more =
      wrong.size() > 1 ? absl::StrCat(" (and ", wrong.size() - 1, " more)") : "";
  if (wrong.empty()) {
    findings.Add(
        Fine("ledger", store->current().value() == 0
                           ? "nothing was committed yet"
                           : absl::StrCat("healthy, current is ", VersionName(store->current()))));
  } else if (!store->damage().ok()) {
    findings.Add(
        Problem("ledger", wrong[0],
                absl::StrCat("put ledger.jsonl back from a copy of ", config.AdaptersDir().string(),
                             ", or make it anew from the versions: strata verify --repair -C ",
                             branch, "; until then nothing is written there")));
  } else {
    findings.Add(Problem("ledger", wrong[0] + more,
                         absl::StrCat("strata verify -C ", branch,
                                      " names all, with --repair it mends what it can")));
  }
  ExamineLineage(*store, examination);
}

// Locked only for the moment that it takes to see that nobody else holds it.
void ExamineRunLock(Examination* examination) {
  const fs::path file = examination->config->CacheDir() / "run.lock";
  Findings& findings = examination->findings;
  std::error_code error;
  if (!fs::exists(file, error)) {
    findings.Add(Fine("run.lock", "no training holds the branch"));
    return;
  }
  const absl::Status tried = FileLock::TryAcquire(file).status();
  if (tried.ok()) {
    findings.Add(Fine("run.lock", "no training holds the branch"));
  } else if (absl::IsAborted(tried)) {
    const std::string holder = HolderOfLock(file);
    findings.Add(Warning(
        "run.lock",
        absl::StrCat("a training holds the branch: ",
                     holder.empty() ? "a process of another machine or container" : holder,
                     "; speeds measured beside it are lower"),
        absl::StrCat("wait for it to end, or stop it",
                     holder.empty() ? "" : ": kill " + holder.substr(0, holder.find(' ')))));
  } else {
    findings.Add(Problem("run.lock", WordsOf(tried),
                         absl::StrCat("rm -r ", file.parent_path().string(),
                                      " while nothing runs: it holds caches only")));
  }
}

}  // namespace

void ExamineBranch(Examination* examination) {
  ExamineSettings(examination);
  if (!examination->config) {
    if (!examination->branch) return;
    for (const std::string& check : kOfBranch)
      examination->findings.Add(NotTried(check, "see branch.yaml"));
    return;
  }
  ExamineBase(examination);
  if (examination->findings.IsProblem("base")) {
    examination->findings.Add(NotTried("tokenizer", "see base"));
  } else {
    ExamineTokenizer(examination);
  }
  ExamineTraining(examination);
  ExamineStore(examination);
  ExamineRunLock(examination);
}

}  // namespace strata
