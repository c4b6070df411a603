#include "coordinator/launch/external_launcher.h"

namespace strata {
namespace {

class ExternalGroup final : public WorkerGroup {
 public:
  std::optional<GroupExit> Poll() override { return std::nullopt; }
  bool alive() const override { return false; }
  void End(int) override {}
};

}  // namespace

absl::StatusOr<std::unique_ptr<WorkerGroup>> ExternalLauncher::Start(const Launch&) {
  return std::make_unique<ExternalGroup>();
}

}  // namespace strata
