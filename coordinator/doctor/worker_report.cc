#include "coordinator/doctor/worker_report.h"

#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/json.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr char kEvent[] = "{\"probe\":";

absl::StatusOr<MachineReport> MachineOf(const Json& event) {
  MachineReport machine;
  ASSIGN_OR_RETURN(machine.libtorch, JsonString(event, "libtorch", "machine"));
  ASSIGN_OR_RETURN(const int64_t built, JsonInteger(event, "cuda_built", "machine"));
  ASSIGN_OR_RETURN(const int64_t driver, JsonInteger(event, "cuda_driver", "machine"));
  ASSIGN_OR_RETURN(machine.device_error, JsonString(event, "device_error", "machine"));
  ASSIGN_OR_RETURN(const Json* devices, JsonNested(event, "devices", "machine"));
  machine.cuda_built = static_cast<int>(built);
  machine.cuda_driver = static_cast<int>(driver);
  for (const Json& device : *devices) {
    ASSIGN_OR_RETURN(const std::string name, JsonString(device, "name", "device"));
    ASSIGN_OR_RETURN(const int64_t bytes, JsonInteger(device, "bytes", "device"));
    machine.devices.push_back({name, static_cast<uint64_t>(bytes)});
  }
  return machine;
}

absl::Status ReadRank(const std::string& name, const Json& event, RankReport* rank) {
  if (name == "started") {
    ASSIGN_OR_RETURN(rank->host, JsonString(event, "host", name));
    rank->started = true;
  } else if (name == "joined") {
    ASSIGN_OR_RETURN(rank->host, JsonString(event, "host", name));
    ASSIGN_OR_RETURN(rank->device, JsonString(event, "device", name));
    rank->started = rank->joined = true;
  } else if (name == "reduced") {
    ASSIGN_OR_RETURN(const int64_t bytes, JsonInteger(event, "bytes", name));
    ASSIGN_OR_RETURN(rank->wrong, JsonInteger(event, "wrong", name));
    ASSIGN_OR_RETURN(rank->seconds, JsonNumber(event, "seconds", name));
    rank->bytes = static_cast<uint64_t>(bytes);
  } else if (name == "speed") {
    ASSIGN_OR_RETURN(rank->float32_gflops, JsonNumber(event, "float32", name));
    ASSIGN_OR_RETURN(rank->bfloat16_gflops, JsonNumber(event, "bfloat16", name));
  } else {
    return absl::DataLossError("no event of a rank");
  }
  return absl::OkStatus();
}

absl::Status ReadEvent(const std::string& line, WorkerReport* report) {
  ASSIGN_OR_RETURN(const Json event, ParseJson(line, "the worker's line"));
  ASSIGN_OR_RETURN(const std::string name, JsonString(event, "probe", "the worker's line"));
  if (name == "machine") {
    ASSIGN_OR_RETURN(report->machine, MachineOf(event));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const int64_t rank, JsonInteger(event, "rank", name));
  RankReport seen = report->ranks.contains(static_cast<int>(rank))
                        ? report->ranks[static_cast<int>(rank)]
                        : RankReport();
  RETURN_IF_ERROR(ReadRank(name, event, &seen));
  report->ranks[static_cast<int>(rank)] = seen;
  return absl::OkStatus();
}

bool SaysSomething(const std::string& line) {
  return line.find_first_not_of("-=* \t\r") != std::string::npos;
}

}  // namespace

WorkerReport ReadWorkerReport(std::string_view output) {
  WorkerReport report;
  std::istringstream lines{std::string(output)};
  for (std::string line; std::getline(lines, line);) {
    // mpirun may have put a tag before it.
    const size_t at = line.find(kEvent);
    if (at != std::string::npos && ReadEvent(line.substr(at), &report).ok()) continue;
    if (SaysSomething(line)) report.words.push_back(line);
  }
  return report;
}

std::string TellingWords(const std::vector<std::string>& words) {
  for (const char* sign :
       {"strata-worker: ", "mpirun noticed", "error while loading", "symbol lookup error",
        "not found", "rror", "nable", "ailed", "annot", "not "}) {
    for (const std::string& line : words) {
      if (absl::StrContains(line, sign)) return std::string(absl::StripAsciiWhitespace(line));
    }
  }
  return words.empty() ? "" : std::string(absl::StripAsciiWhitespace(words.back()));
}

}  // namespace strata
