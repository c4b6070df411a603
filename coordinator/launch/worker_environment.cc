#include "coordinator/launch/worker_environment.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "coordinator/launch/program_path.h"

namespace strata {

std::vector<std::pair<std::string, std::string>> EnvironmentOfWorkers(
    const LauncherSettings& settings, const Launch& launch) {
  std::vector<std::pair<std::string, std::string>> environment = launch.environment;
  const auto set = [&](const std::string& name, const std::string& value) {
    std::erase_if(environment, [&](const auto& variable) { return variable.first == name; });
    environment.emplace_back(name, value);
  };
  if (!settings.network_interface.empty()) set("NCCL_SOCKET_IFNAME", settings.network_interface);
  for (const std::string& variable : settings.worker_env) {
    const size_t equals = variable.find('=');
    if (equals != std::string::npos) {
      set(variable.substr(0, equals), variable.substr(equals + 1));
    } else if (const char* inherited = std::getenv(variable.c_str())) {
      set(variable, inherited);
    }
  }
  return environment;
}

absl::Status CheckWorker(const Launch& launch) {
  const bool has_slash = launch.worker.string().find('/') != std::string::npos;
  if (has_slash && !FindProgram(launch.worker.string()).empty()) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("no worker program at ", launch.worker.string(),
                                          ": build it (deploy/setup.sh) or keep it beside strata"));
}

}  // namespace strata
