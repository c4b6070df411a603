#include "coordinator/run/training_room.h"

#include "common/train_state_bytes.h"
#include "coordinator/store/room.h"

namespace strata {
namespace {

constexpr uint64_t kCheckpointsAtOnce = 3;  // the two that are kept, and the next
constexpr uint64_t kFilesOfARun = 40;

}  // namespace

absl::Status CheckTrainingRoom(const Config& config, const Base& base, const BranchStore& store,
                               FileSystem* files) {
  const uint64_t adapter = static_cast<uint64_t>(base.layout.elements) * sizeof(float);
  RoomNeed commit = RoomForVersion(config.AdaptersDir(), adapter, 0);
  const uint64_t files_of_version = commit.files;
  if (config.keep_backups > 0) {
    for (const Version version : {store.current(), store.previous()}) {
      if (version == Version()) continue;
      commit.bytes += BytesIn(store.VersionDir(version));
      commit.files += files_of_version;
    }
    commit.what = "the commit with its backups";
  }
  const auto elements = static_cast<uint64_t>(base.layout.elements);
  const RoomNeed run = {config.RunsDir(), kCheckpointsAtOnce * TrainStateBytesMax(elements),
                        kFilesOfARun, "the run's checkpoints"};
  return CheckRoom({commit, run}, files);
}

}  // namespace strata
