// Watches a run for those who are to see it: run.log, TensorBoard's curves, Prometheus' metrics, as
// branch.yaml asks. Takes the run's news on a thread of its own, so that a slow disk or a peer
// holds up nothing of the run.
//
// Lifecycle: made before the run, told when it begins; what is told before waits. The destructor
// returns when all has been written.
// Errors: what can't be written or listened at is said once, and the run goes on without it.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "coordinator/config/config.h"
#include "coordinator/observe/metrics_file.h"
#include "coordinator/observe/metrics_server.h"
#include "coordinator/observe/metrics_text.h"
#include "coordinator/observe/run_figures.h"
#include "coordinator/observe/run_log.h"
#include "coordinator/observe/tensorboard_log.h"
#include "coordinator/run/run_news.h"
#include "coordinator/run/training.h"

namespace strata {

class Observation final : public RunObserver {
 public:
  // `warn` is called from the observation's thread and from Begin's caller.
  Observation(const Config& config, std::function<void(const std::string&)> warn);
  ~Observation() override;
  // The run is about to launch its workers. Called once; a run that never begins leaves nothing.
  void Begin(const RunStart& start);
  void Tell(RunNews news) override;

 private:
  void OpenTensorBoard(const RunStart& start);
  void OpenMetrics(const RunStart& start);
  // The thread's loop: takes news as they come, and shows the metrics every few seconds.
  void Watch();
  void Take(const std::vector<TimedNews>& news);
  std::string Page();
  // Gives `sink` up where `status` says that it failed.
  template <typename Sink>
  void GiveUp(const absl::Status& status, Sink* sink);

  const Config config_;
  const std::function<void(const std::string&)> warn_;
  MetricLabels labels_;
  // From Begin on of the thread alone, but for tally_.
  std::unique_ptr<RunLog> log_;
  std::unique_ptr<TensorBoardLog> board_;
  std::unique_ptr<MetricsFile> metrics_file_;
  std::mutex tally_mutex_;
  std::unique_ptr<RunTally> tally_;  // guarded by tally_mutex_
  std::unique_ptr<MetricsServer> metrics_server_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<TimedNews> told_;  // guarded by mutex_
  bool closing_ = false;         // guarded by mutex_
  std::thread thread_;
};

}  // namespace strata
