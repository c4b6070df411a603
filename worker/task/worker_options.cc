#include "worker/task/worker_options.h"

#include <CLI/CLI.hpp>

namespace strata {
namespace {

void AddProbeOptions(CLI::App* app, WorkerOptions* options) {
  app->add_option("--probe", options->probe, "Measure for strata doctor: machine or ranks")
      ->check(CLI::IsMember({"machine", "ranks"}));
  app->add_option("--probe-elements", options->probe_elements, "Floats to add up over the ranks");
  app->add_option("--probe-seconds-max", options->probe_seconds_max, "Ends itself after these");
}

}  // namespace

std::optional<WorkerOptions> ReadWorkerOptions(int argc, char** argv, int* exit_code) {
  CLI::App app(
      "One worker of strata: started through mpirun or srun, by strata or for train --launcher "
      "external",
      "strata-worker");
  WorkerOptions options;
  app.add_option("--run", options.identity.run, "The run; else the coordinator's");
  app.add_option("--attempt", options.identity.attempt,
                 "The launch within the run; else the live one");
  app.add_option("--coordinator", options.identity.coordinator, "HOST:PORT");
  app.add_option("--threads", options.threads, "To compute with; 0: as many as there are cpus");
  app.add_option("--device", options.device, "auto, cpu or cuda");
  std::string log_format = "text";
  app.add_option("--log-format", log_format, "Of the lines on standard error: text or json")
      ->check(CLI::IsMember({"text", "json"}));
  AddProbeOptions(&app, &options);
  try {
    app.parse(argc, argv);
    if (options.probe.empty() && options.identity.coordinator.empty())
      throw CLI::RequiredError("--coordinator");
    options.identity.log_format = LogFormatOf(log_format);
    return options;
  } catch (const CLI::ParseError& error) {
    *exit_code = app.exit(error);
    return std::nullopt;
  }
}

}  // namespace strata
