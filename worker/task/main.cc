// The program `strata-worker`: one MPI rank. Joins the coordinator that started it, does its task,
// ends.
#include <ATen/Parallel.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "common/exit_code.h"
#include "worker/task/task_runner.h"

namespace {

struct Options {
  strata::WorkerIdentity identity;
  std::string device = "auto";
  int threads = 1;
};

// Ends all ranks: who waits in a collective for one that failed would wait for ever.
[[noreturn]] void Fail(const std::string& reason, strata::CoordinatorClient* client) {
  std::fprintf(stderr, "strata-worker: %s\n", reason.c_str());
  if (client != nullptr) client->Fail(reason);
  _exit(static_cast<int>(strata::ExitCode::kUnavailable));
}

void Run(Options& options, strata::MpiSession& session) {
  std::unique_ptr<strata::CoordinatorClient> client;
  std::string no_device;
  at::Device device(at::kCPU);
  try {
    device = strata::ChooseDevice(options.device, session);
    options.identity.device = device.str();
  } catch (const std::exception& error) {
    no_device = error.what();
  }
  try {
    const char* token = std::getenv("STRATA_TOKEN");
    options.identity.token = token != nullptr ? token : "";
    options.identity.rank = session.rank();
    options.identity.world = session.world();
    auto connected = strata::CoordinatorClient::Connect(options.identity);
    if (!connected.ok()) Fail(std::string(connected.status().message()), nullptr);
    client = *std::move(connected);
    if (!no_device.empty()) Fail(no_device, client.get());
    at::set_num_threads(options.threads);
    strata::RunTask(*client, session, device);
  } catch (const std::exception& error) {
    Fail(error.what(), client.get());
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("One worker of strata: started by strata through mpirun, not by hand",
               "strata-worker");
  Options options;
  app.add_option("--coordinator", options.identity.coordinator, "HOST:PORT")->required();
  app.add_option("--run", options.identity.run, "The run")->required();
  app.add_option("--attempt", options.identity.attempt, "The launch within the run")->required();
  app.add_option("--threads", options.threads, "Threads to compute with");
  app.add_option("--device", options.device, "auto, cpu or cuda");
  CLI11_PARSE(app, argc, argv);
  strata::MpiSession session(&argc, &argv);
  Run(options, session);
  return 0;
}
