// Holds everything a user can set for a branch, checked and immutable.
// First in the way of the data: branch.yaml becomes a Config, from which catalog, tokens, plan and
// task are made.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace strata {

enum class ExcessLength { kDrop, kTruncate, kRaise };
enum class Schedule {
  kCosine,
  kLinear,
  kConstant,
  kCosineWithMinLr,
  kConstantWithWarmup,
  kWarmupStableDecay
};
enum class RateDecay { kCosine, kLinear, kOneMinusSqrt };
enum class ChangedDatasets { kNewExamples, kAll };
enum class OnDatasetError { kSkip, kStop };

// A quality class. A file belongs to the first tier one of whose globs matches its name.
struct TierConfig {
  std::string name;
  // Globs (*, ?) on the file name; ASCII letters match in either case.
  std::vector<std::string> match = {};
  // File names, trained first and in this order; the tier's others follow by name.
  std::vector<std::string> order = {};
  std::optional<uint32_t> num_train_epochs = {};
  std::optional<double> learning_rate = {};
  bool operator==(const TierConfig&) const = default;
};

// What one file has of its own.
struct DatasetConfig {
  std::string file;                      // name within training/
  std::optional<std::string> tier = {};  // instead of the one whose globs match
  std::optional<uint32_t> num_train_epochs = {};
  std::optional<double> learning_rate = {};
  bool exclude = false;
  bool operator==(const DatasetConfig&) const = default;
};

struct Config {
  std::filesystem::path branch;  // absolute; holds branch.yaml
  std::string name;              // of the adapter; default: the folder's name

  // A Hugging Face folder: absolute here; in branch.yaml absolute or relative to it. Required.
  std::filesystem::path model_name_or_path;
  // The public name for adapter_config.json; default: model_name_or_path as branch.yaml has it.
  std::string base_model_name;
  // What is computed in: "float32", "bfloat16"; "" is the base's own, float32 for a float16 base.
  std::string dtype;

  uint32_t lora_r = 16;     // 1 … 512
  double lora_alpha = 32;   // 0 < a ≤ 1e6; the delta is alpha / r · B·A·x
  bool use_rslora = false;  // the delta is alpha / √r · B·A·x
  double lora_dropout = 0;  // 0 ≤ p < 1
  std::vector<std::string> lora_target_modules = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                                  "gate_proj", "up_proj", "down_proj"};

  uint32_t max_length = 512;  // tokens of a row, 8 … 1048576
  bool packing = true;        // several whole examples in a row
  ExcessLength excess_length_strategy = ExcessLength::kTruncate;
  bool completion_only_loss = true;  // the prompt is not supervised
  // Whether answers alone are supervised, and all of them; unset is as completion_only_loss.
  std::optional<bool> assistant_only_loss;
  // "default" (the built-in one), "model" (the base's own), or a .jinja file: absolute here; in
  // branch.yaml absolute or relative to it.
  std::string chat_template = "default";

  uint32_t global_batch_size = 16;  // rows of a step, over all ranks, 1 … 1048576
  // Rows a rank computes at once, 1 … 1048576: memory only, never the mathematics. 0 is auto: as
  // many as fit.
  uint32_t micro_batch_size = 4;
  double gpu_memory_gb = 0;  // of each device, 0 … 1e6; 0 is not known
  // Layers are computed again in the backward pass; unset is auto: where memory asks for it.
  std::optional<bool> gradient_checkpointing = false;
  uint32_t num_train_epochs = 3;  // 1 … 10000
  uint32_t max_steps = 0;         // per stage; 0 is no limit
  double learning_rate = 2e-4;    // 0 < r ≤ 1
  Schedule lr_scheduler_type = Schedule::kCosine;
  double warmup_ratio = 0.03;  // 0 ≤ r < 1, of the stage's steps
  uint32_t warmup_steps = 0;   // per stage; 0 goes by warmup_ratio
  double min_lr_rate = 0;      // 0 ≤ r < 1, of the highest rate: where two of the schedules end
  double lr_decay_ratio = 0.1;  // 0 < r ≤ 1, of the stage's steps: warmup_stable_decay's last phase
  RateDecay lr_decay_type = RateDecay::kCosine;  // the way down of warmup_stable_decay
  double weight_decay = 0.01;                    // 0 ≤ w ≤ 1
  double adam_beta1 = 0.9, adam_beta2 = 0.999;   // 0 ≤ b < 1
  double adam_epsilon = 1e-8;                    // 0 < e ≤ 1
  double max_grad_norm = 1.0;                    // 0 ≤ n ≤ 1e9; 0 does not clip
  double loraplus_lr_ratio = 1;                  // LoRA+: B's learning rate over A's, 0 < r ≤ 1e4
  double neftune_noise_alpha = 0;                // 0 ≤ a ≤ 1000; 0 adds no noise
  uint64_t seed = 42;
  double val_set_size = 0;  // share of prompts held out, 0 ≤ s < 1
  uint32_t eval_steps = 0;  // between two evaluations of the held-out rows; 0: at each epoch's end
  // Evaluations in a row without a new least loss that end a stage; 0 is never. Needs val_set_size.
  uint32_t early_stopping_patience = 0;

  uint32_t workers = 1;  // MPI ranks, 1 … 65536
  // Ranks that will do for a further attempt when not all could be had, 0 … 65536; 0 is `workers`.
  uint32_t min_workers = 0;
  std::string device = "auto";  // "auto", "cpu", "cuda"
  // "auto", "local", "mpirun", "srun", "external": who starts them (coordinator/launch/launcher.h)
  std::string launcher = "auto";
  std::string mpirun = "mpirun";  // program, found on PATH or absolute
  std::vector<std::string> mpirun_args, srun_args;
  std::vector<std::string> sbatch_args;  // options of every job of `strata submit`
  std::filesystem::path slurm_template;  // of its job scripts; absolute here; "" is the built-in
  std::vector<std::string> hosts;        // HOST or HOST:SLOTS, for mpirun
  std::filesystem::path hostfile;        // likewise; absolute here
  std::vector<std::string> worker_env;   // NAME=VALUE, or NAME, whose value is that of strata
  std::string network_interface;         // that hosts share; "" is MPI's and NCCL's choice
  // HOST or HOST:PORT that workers call (listen_address.h); any but loopback speaks TLS. "auto" is
  // loopback for workers on this machine alone, else every address of it.
  std::string listen = "auto";
  // PEM files, absolute here; in branch.yaml absolute or relative to it. Both or neither; with
  // neither, a run that speaks TLS makes a certificate for itself.
  std::filesystem::path tls_certificate_file, tls_key_file;

  uint32_t save_steps = 100;  // a checkpoint after each so many of a stage's steps; 0: not by steps
  double save_minutes = 10;   // and when the last is so old, 0 ≤ m ≤ 1e6; 0: not by time
  // Attempts after lost ones, in a row without a new checkpoint, before the run fails, 0 … 1000000.
  uint32_t max_restarts = 3;
  uint32_t ddp_timeout = 1800;  // seconds without any headway that end an attempt, 10 … 1000000

  ChangedDatasets changed_datasets = ChangedDatasets::kNewExamples;
  OnDatasetError on_dataset_error = OnDatasetError::kSkip;
  uint32_t max_nonfinite_steps = 3;     // so many in a row end a stage as an error, 1 … 1000000
  double loss_watchdog_threshold = 0;   // nats, 0 ≤ t ≤ 1e6; 0 is off
  uint32_t loss_watchdog_patience = 3;  // steps in a row above it, 1 … 1000000
  uint32_t keep_backups = 5;            // commits whose backup pairs stay, 0 … 10000
  // A folder that every version is copied to as well, on another disk: absolute here; in
  // branch.yaml absolute or relative to it. "" is none.
  std::filesystem::path backup_mirror;

  std::vector<std::string> report_to;  // what a run's curves are kept for: "tensorboard"
  // Where; "" is the run's own folder. This and metrics_file: absolute here, in branch.yaml
  // absolute or relative to it; {branch} and {run} stand for their names.
  std::string logging_dir;
  std::string metrics_file;         // Prometheus' text format; "" is none
  std::string metrics_port = "0";   // PORT of loopback, or HOST:PORT; 0 is none
  std::string log_format = "text";  // "text", "json"

  std::vector<TierConfig> tiers = {{"premium", {"*premium*"}},
                                   {"improved", {"*improved*"}},
                                   {"supplementary", {"*supplementary*"}},
                                   {"base", {"train*"}}};
  std::vector<DatasetConfig> datasets;  // only files that have something of their own

  std::filesystem::path TrainingDir() const { return branch / "training"; }
  std::filesystem::path AdaptersDir() const { return branch / "adapters" / "lora_adapters"; }
  // The branch's own part of the mirror; "" is none.
  std::filesystem::path MirrorDir() const {
    return backup_mirror.empty() ? std::filesystem::path() : backup_mirror / name;
  }
  std::filesystem::path RunsDir() const { return branch / "runs"; }
  std::filesystem::path CacheDir() const { return branch / ".strata"; }
  bool operator==(const Config&) const = default;
};

// The tier of a file name: the index into config.tiers, or -1. What `datasets` says of the file
// comes first, then the first tier one of whose globs matches.
int TierOf(const Config& config, std::string_view file_name);

// What `datasets` says of a file; null when it says nothing. Lives as long as `config`.
const DatasetConfig* DatasetConfigOf(const Config& config, std::string_view file_name);

// The relations between fields; ranges of single fields are checked where they are read. Of the TLS
// files there are both or neither. Tier names and the files of `datasets` are unique; a dataset's
// tier exists; a file in a tier's `order` belongs to that tier. FAILED_PRECONDITION naming the
// keys.
absl::Status Validate(const Config& config);

}  // namespace strata
