// The program `strata-worker`: one MPI rank. Joins the coordinator that started it, does its task,
// ends.
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "common/exit_code.h"
#include "worker/task/orphan.h"
#include "worker/task/probe.h"
#include "worker/task/task_runner.h"

namespace {

struct Options {
  strata::WorkerIdentity identity;
  std::string device = "auto";
  int threads = 1;
  std::string probe;  // "machine" or "ranks": measures instead of joining a coordinator
  int64_t probe_elements = 1 << 20;
  unsigned probe_seconds_max = 60;
};

constexpr int kFailed = static_cast<int>(strata::ExitCode::kUnavailable);

// What libtorch says without its stack, and what to do about it.
std::string WordsOf(const c10::Error& error) {
  std::string words = error.what_without_backtrace();
  for (const char* sign : {"out of memory", "not enough memory", "can't allocate memory"}) {
    if (words.find(sign) == std::string::npos) continue;
    return words + "; lower micro_batch_size or max_length (generate: --batch-size)";
  }
  return words;
}

// Ends all ranks: who waits in a collective for one that failed would wait for ever. Nothing is
// destroyed: an end of a communicator waits for the others too.
[[noreturn]] void Fail(const std::string& reason, strata::MpiSession& session,
                       strata::CoordinatorClient* client, bool permanent = false) {
  std::fprintf(stderr, "strata-worker: %s\n", reason.c_str());
  if (client != nullptr) client->Fail(reason, permanent);
  session.Abort(kFailed);
}

// Tells why there is no device, once the coordinator can be told.
at::Device DeviceFor(const Options& options, const strata::MpiSession& session, std::string* why) {
  try {
    return strata::ChooseDevice(options.device, session);
  } catch (const std::exception& error) {
    *why = error.what();
    return at::Device(at::kCPU);
  }
}

void Run(Options& options, strata::MpiSession& session) {
  auto secrets = strata::ReadRunSecrets(options.identity.coordinator);
  if (!secrets.ok()) Fail(std::string(secrets.status().message()), session, nullptr);
  std::string no_device;
  const at::Device device = DeviceFor(options, session, &no_device);
  options.identity.secrets = *std::move(secrets);
  options.identity.rank = session.rank();
  options.identity.world = session.world();
  options.identity.device = no_device.empty() ? device.str() : "";
  auto connected = strata::CoordinatorClient::Connect(options.identity);
  if (!connected.ok()) Fail(std::string(connected.status().message()), session, nullptr);
  strata::CoordinatorClient& client = **connected;
  if (!no_device.empty()) Fail(no_device, session, &client, /*permanent=*/true);
  at::set_num_threads(options.threads);
  strata::RunTask(client, session, device, [&](const std::exception& error) {
    const auto* of_torch = dynamic_cast<const c10::Error*>(&error);
    Fail(of_torch != nullptr ? WordsOf(*of_torch) : error.what(), session, &client,
         dynamic_cast<const strata::HopelessTask*>(&error) != nullptr);
  });
  // A rank that has nothing left to do keeps its lease while rank 0 hands in the candidate.
  session.Barrier();
}

// Kills itself when it takes too long: no lease ends a rank that has no coordinator.
void Probe(const Options& options, int* argc, char*** argv) {
  alarm(options.probe_seconds_max);
  if (options.probe == "machine") return strata::TellMachine();
  strata::TellStarted();
  strata::MpiSession session(argc, argv);
  at::set_num_threads(options.threads);
  try {
    strata::ProbeRanks(session, {options.device, options.probe_elements});
  } catch (const std::exception& error) {
    const auto* of_torch = dynamic_cast<const c10::Error*>(&error);
    Fail(of_torch != nullptr ? WordsOf(*of_torch) : error.what(), session, nullptr);
  }
}

void AddProbeOptions(CLI::App* app, Options* options) {
  app->add_option("--probe", options->probe, "Measure for strata doctor: machine or ranks")
      ->check(CLI::IsMember({"machine", "ranks"}));
  app->add_option("--probe-elements", options->probe_elements, "Floats to add up over the ranks");
  app->add_option("--probe-seconds-max", options->probe_seconds_max, "Ends itself after these");
}

}  // namespace

int main(int argc, char** argv) {
  strata::WakeWhenOrphaned();
  CLI::App app("One worker of strata: started by strata through mpirun, not by hand",
               "strata-worker");
  Options options;
  CLI::Option* run = app.add_option("--run", options.identity.run, "The run");
  CLI::Option* attempt =
      app.add_option("--attempt", options.identity.attempt, "The launch within the run");
  app.add_option("--coordinator", options.identity.coordinator, "HOST:PORT")
      ->needs(run)
      ->needs(attempt);
  app.add_option("--threads", options.threads, "Threads to compute with");
  app.add_option("--device", options.device, "auto, cpu or cuda");
  AddProbeOptions(&app, &options);
  CLI11_PARSE(app, argc, argv);
  if (options.probe.empty() && options.identity.coordinator.empty()) {
    return app.exit(CLI::RequiredError("--coordinator"));
  }
  try {
    if (!options.probe.empty()) {
      Probe(options, &argc, &argv);
      return 0;
    }
    strata::MpiSession session(&argc, &argv);
    Run(options, session);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "strata-worker: %s\n", error.what());
    _exit(kFailed);
  }
  return 0;
}
