// Whether workers of this machine can call the coordinator.
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "coordinator/doctor/examination.h"
#include "coordinator/service/loopback.h"

namespace strata {
namespace {

constexpr std::chrono::milliseconds kLimit{5000};
constexpr char kRemedy[] =
    "let processes talk over lo: ip link set lo up; look at firewall rules (iptables -L, nft list "
    "ruleset) and seccomp";

}  // namespace

void ExaminePorts(Examination* examination) {
  Findings& findings = examination->findings;
  // gRPC gives up its process when it cannot make a descriptor.
  if (const std::string obstacle = findings.Obstacle({"open files"}); !obstacle.empty()) {
    findings.Add(NotTried("loopback", obstacle));
    return;
  }
  const absl::StatusOr<LoopbackCall> call = CallLoopback(kLimit);
  if (call.ok()) {
    findings.Add(
        Fine("loopback", absl::StrFormat("a gRPC call to %s and back takes %.2f ms", call->address,
                                         static_cast<double>(call->round_trip.count()) / 1e3)));
  } else {
    findings.Add(Problem("loopback", std::string(call.status().message()), kRemedy));
  }
  for (const char* name : {"http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    Finding finding = Fine("proxy", absl::StrCat(name,
                                                 " is set: harmless, strata's own calls pass "
                                                 "it by"));
    finding.detail = true;
    findings.Add(std::move(finding));
    return;
  }
}

}  // namespace strata
