// The program `strata-worker`: one MPI rank. Joins the coordinator that started it, does its task,
// ends.
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

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
                       strata::CoordinatorClient* client) {
  std::fprintf(stderr, "strata-worker: %s\n", reason.c_str());
  if (client != nullptr) client->Fail(reason);
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
  const char* token = std::getenv("STRATA_TOKEN");
  std::string no_device;
  const at::Device device = DeviceFor(options, session, &no_device);
  options.identity.token = token != nullptr ? token : "";
  options.identity.rank = session.rank();
  options.identity.world = session.world();
  options.identity.device = no_device.empty() ? device.str() : "";
  auto connected = strata::CoordinatorClient::Connect(options.identity);
  if (!connected.ok()) Fail(std::string(connected.status().message()), session, nullptr);
  strata::CoordinatorClient& client = **connected;
  if (!no_device.empty()) Fail(no_device, session, &client);
  at::set_num_threads(options.threads);
  strata::RunTask(client, session, device, [&](const std::exception& error) {
    const auto* of_torch = dynamic_cast<const c10::Error*>(&error);
    Fail(of_torch != nullptr ? WordsOf(*of_torch) : error.what(), session, &client);
  });
  // A rank that has nothing left to do keeps its lease while rank 0 hands in the candidate.
  session.Barrier();
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
  try {
    strata::MpiSession session(&argc, &argv);
    Run(options, session);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "strata-worker: %s\n", error.what());
    _exit(kFailed);
  }
  return 0;
}
