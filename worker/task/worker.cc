#include "worker/task/worker.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <unistd.h>

#include <string>

#include "common/exit_code.h"
#include "common/sha256.h"
#include "worker/task/device_choice.h"
#include "worker/task/probe.h"
#include "worker/task/rank_log.h"
#include "worker/task/rank_place.h"
#include "worker/task/task_runner.h"

namespace strata {
namespace {

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
[[noreturn]] void Fail(const std::string& reason, const WorkerIdentity& identity,
                       MpiSession& session, CoordinatorClient* client, bool permanent = false) {
  SayAs(identity, LogLevel::kError, "failed", reason);
  if (client != nullptr) client->Fail(reason, permanent);
  session.Abort(static_cast<int>(ExitCode::kUnavailable));
}

// Tells why there is no place, once the coordinator can be told.
RankPlace PlaceOrWhy(const WorkerOptions& options, const MpiSession& session, std::string* why) {
  try {
    return FindPlace(options.device, options.threads, session);
  } catch (const std::exception& error) {
    *why = error.what();
    return {};
  }
}

}  // namespace

void JoinRun(WorkerOptions options, MpiSession& session) {
  WorkerIdentity& identity = options.identity;
  identity.rank = session.rank();
  identity.world = session.world();
  auto secrets = ReadRunSecrets(identity.coordinator);
  if (!secrets.ok()) Fail(std::string(secrets.status().message()), identity, session, nullptr);
  std::string no_place;
  const RankPlace place = PlaceOrWhy(options, session, &no_place);
  identity.secrets = *std::move(secrets);
  identity.launch = session.BroadcastBytes(RandomHex(8));
  identity.device = no_place.empty() ? place.device.str() : "";
  identity.device_name = place.device_name;
  identity.cpus = place.cpus;
  identity.threads = static_cast<uint32_t>(place.threads);
  auto connected = CoordinatorClient::Connect(identity);
  if (!connected.ok()) Fail(std::string(connected.status().message()), identity, session, nullptr);
  CoordinatorClient& client = **connected;
  if (!no_place.empty()) Fail(no_place, client.identity(), session, &client, /*permanent=*/true);
  SayAs(client.identity(), LogLevel::kInfo, "joined",
        "of " + std::to_string(identity.world) + " ranks, computes on " + identity.device + ", " +
            std::to_string(place.threads) + (place.threads == 1 ? " thread" : " threads"));
  at::set_num_threads(place.threads);
  RunTask(client, session, place.device, [&](const std::exception& error) {
    const auto* of_torch = dynamic_cast<const c10::Error*>(&error);
    Fail(of_torch != nullptr ? WordsOf(*of_torch) : error.what(), client.identity(), session,
         &client, dynamic_cast<const HopelessTask*>(&error) != nullptr);
  });
  // A rank that has nothing left to do keeps its lease while rank 0 hands in the candidate.
  session.Barrier();
  SayAs(client.identity(), LogLevel::kInfo, "done", "");
}

void ProbeMachine(const WorkerOptions& options, int* argc, char*** argv) {
  alarm(options.probe_seconds_max);
  if (options.probe == "machine") return TellMachine();
  TellStarted();
  MpiSession session(argc, argv);
  try {
    ProbeRanks(session, {options.device, options.threads, options.probe_elements});
  } catch (const std::exception& error) {
    const auto* of_torch = dynamic_cast<const c10::Error*>(&error);
    Fail(of_torch != nullptr ? WordsOf(*of_torch) : error.what(), options.identity, session,
         nullptr);
  }
}

}  // namespace strata
