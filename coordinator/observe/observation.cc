#include "coordinator/observe/observation.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/counted.h"
#include "coordinator/config/listen_address.h"
#include "coordinator/observe/named_path.h"

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kMetricsEvery{5};

std::string BeginWords(const RunStart& start) {
  const std::string stages = Counted(start.plan.stages.size(), "stage");
  if (!start.resumed) return stages;
  return absl::StrCat(stages, ", going on from ", PlaceText(*start.resumed));
}

}  // namespace

Observation::Observation(const Config& config, std::function<void(const std::string&)> warn)
    : config_(config), warn_(std::move(warn)) {}

Observation::~Observation() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Observation::Begin(const RunStart& start) {
  labels_ = {{"branch", config_.name}, {"run", start.run.value()}};
  tally_ = std::make_unique<RunTally>(start.plan, start.resumed);
  log_ = std::make_unique<RunLog>(start.folder / "run.log", start.run.value(),
                                  LogFormatOf(config_.log_format), start.plan);
  log_->Say(std::chrono::system_clock::now(), "begins", BeginWords(start));
  if (!config_.report_to.empty()) OpenTensorBoard(start);
  OpenMetrics(start);
  thread_ = std::thread([this] { Watch(); });
}

void Observation::OpenTensorBoard(const RunStart& start) {
  const std::filesystem::path folder =
      config_.logging_dir.empty() ? start.folder / "tensorboard"
                                  : NamedPath(config_.logging_dir, config_.name, start.run.value());
  absl::StatusOr<TensorBoardLog> board =
      TensorBoardLog::Begin(folder, start.run.value(), StepNumbers(start.plan), start.resumed);
  GiveUp(board.status(), &board_);
  if (board.ok()) board_ = std::make_unique<TensorBoardLog>(*std::move(board));
}

void Observation::OpenMetrics(const RunStart& start) {
  if (!config_.metrics_file.empty()) {
    metrics_file_ = std::make_unique<MetricsFile>(
        NamedPath(config_.metrics_file, config_.name, start.run.value()));
  }
  const absl::StatusOr<ListenAddress> address = ParseMetricsAddress(config_.metrics_port);
  if (!address.ok() || address->port == 0) return;
  absl::StatusOr<std::unique_ptr<MetricsServer>> server =
      MetricsServer::Start(*address, [this] { return Page(); });
  GiveUp(server.status(), &metrics_server_);
  if (server.ok()) metrics_server_ = *std::move(server);
}

void Observation::Tell(RunNews news) {
  {
    const std::lock_guard lock(mutex_);
    told_.push_back({std::chrono::system_clock::now(), std::move(news)});
  }
  wake_.notify_one();
}

void Observation::Watch() {
  Clock::time_point shown{};
  for (bool closing = false; !closing;) {
    std::vector<TimedNews> news;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_until(lock, shown + kMetricsEvery, [this] { return closing_ || !told_.empty(); });
      closing = closing_;
      news = std::exchange(told_, {});
    }
    Take(news);
    if (!closing && Clock::now() < shown + kMetricsEvery) continue;
    shown = Clock::now();
    if (metrics_file_ != nullptr) GiveUp(metrics_file_->Write(Page()), &metrics_file_);
  }
}

void Observation::Take(const std::vector<TimedNews>& news) {
  for (const TimedNews& one : news) {
    {
      const std::lock_guard lock(tally_mutex_);
      tally_->Take(one);
    }
    if (log_ != nullptr) log_->Take(one);
    if (board_ != nullptr) board_->Take(one);
  }
  if (log_ != nullptr) GiveUp(log_->Flush(), &log_);
  if (board_ != nullptr) GiveUp(board_->Flush(), &board_);
}

std::string Observation::Page() {
  const std::lock_guard lock(tally_mutex_);
  return MetricsText(tally_->figures(), labels_);
}

template <typename Sink>
void Observation::GiveUp(const absl::Status& status, Sink* sink) {
  if (status.ok()) return;
  sink->reset();
  const std::string words(status.message());
  Tell(WarningSeen{words});
  if (warn_) warn_(words);
}

}  // namespace strata
