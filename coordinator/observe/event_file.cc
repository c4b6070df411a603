#include "coordinator/observe/event_file.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "coordinator/observe/crc32c.h"
#include "strata/tensorboard/event.pb.h"

namespace strata {
namespace {

constexpr int kFilesOfOneSecondMax = 100;

void AppendLittleEndian(uint64_t value, int bytes, std::string* to) {
  for (int i = 0; i < bytes; ++i) to->push_back(static_cast<char>(value >> (8 * i) & 0xFF));
}

absl::Status CannotWrite(const std::filesystem::path& path, absl::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("cannot write TensorBoard's events to ", path.string(), ": ", why));
}

tensorboard::Event EventAt(double wall_time, int64_t step) {
  tensorboard::Event event;
  event.set_wall_time(wall_time);
  event.set_step(step);
  return event;
}

}  // namespace

std::string TfRecord(std::string_view record) {
  std::string bytes;
  AppendLittleEndian(record.size(), 8, &bytes);
  AppendLittleEndian(MaskedCrc32c(bytes), 4, &bytes);
  bytes += record;
  AppendLittleEndian(MaskedCrc32c(record), 4, &bytes);
  return bytes;
}

absl::StatusOr<EventFile> EventFile::Create(const std::filesystem::path& folder,
                                            const std::string& run, double seconds_since_1970) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return CannotWrite(folder, error.message());
  const std::string name =
      absl::StrFormat("events.out.tfevents.%010d.%s", static_cast<int64_t>(seconds_since_1970),
                      absl::string_view(run));
  for (int i = 0; i < kFilesOfOneSecondMax; ++i) {
    const std::filesystem::path path = folder / (i == 0 ? name : absl::StrCat(name, ".", i));
    std::FILE* const file = std::fopen(path.c_str(), "wbxe");
    if (file == nullptr && errno == EEXIST) continue;
    if (file == nullptr) return CannotWrite(path, std::strerror(errno));
    EventFile events(path, file);
    tensorboard::Event version = EventAt(seconds_since_1970, 0);
    version.set_file_version("brain.Event:2");
    events.Add(version.SerializeAsString());
    return events;
  }
  return CannotWrite(folder / name, "there are too many files of this name");
}

void EventFile::AddScalars(double wall_time, int64_t step,
                           const std::vector<std::pair<std::string, double>>& scalars) {
  tensorboard::Event event = EventAt(wall_time, step);
  for (const auto& [tag, scalar] : scalars) {
    tensorboard::Summary::Value* const value = event.mutable_summary()->add_value();
    value->set_tag(tag);
    value->set_simple_value(static_cast<float>(scalar));
  }
  Add(event.SerializeAsString());
}

void EventFile::AddPurge(double wall_time, int64_t step) {
  tensorboard::Event event = EventAt(wall_time, step);
  event.mutable_session_log()->set_status(tensorboard::SessionLog::START);
  Add(event.SerializeAsString());
}

// What could not be written, Flush says: a stream keeps its error.
void EventFile::Add(const std::string& record) {
  const std::string bytes = TfRecord(record);
  std::fwrite(bytes.data(), 1, bytes.size(), file_.get());
}

absl::Status EventFile::Flush() {
  if (std::fflush(file_.get()) == 0 && std::ferror(file_.get()) == 0) return absl::OkStatus();
  return CannotWrite(path_, std::strerror(errno));
}

}  // namespace strata
