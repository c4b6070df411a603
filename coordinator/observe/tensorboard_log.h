// Keeps a run's curves for TensorBoard: its losses, rates and norms as they come, under the names
// that Hugging Face's Trainer gives them. Takes the run's news, writes an EventFile.
//
// Model: the step of an event is the number of updates of the run that were done, over all its
// stages, so the first has 1. What is done again, by a later attempt or a later `strata train`,
// takes the place of what was there: a purge before it says so.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/observe/event_file.h"
#include "coordinator/observe/step_numbers.h"
#include "coordinator/run/run_news.h"

namespace strata {

class TensorBoardLog {
 public:
  // A new file in `folder`. `resumed`: the run goes on from here with files of before. Errors as
  // EventFile::Create.
  static absl::StatusOr<TensorBoardLog> Begin(const std::filesystem::path& folder,
                                              const std::string& run, StepNumbers numbers,
                                              const std::optional<Position>& resumed);
  void Take(const TimedNews& news);
  // As EventFile::Flush.
  absl::Status Flush() { return file_.Flush(); }

 private:
  TensorBoardLog(EventFile file, StepNumbers numbers)
      : file_(std::move(file)), numbers_(std::move(numbers)) {}
  void Take(const StepSeen& step);
  void Take(const EvaluationSeen& evaluation, double time);

  EventFile file_;
  StepNumbers numbers_;
  uint64_t last_ = 0;  // number of the last step that stands
};

}  // namespace strata
