// Writes an event file that TensorBoard reads. Takes TensorBoardLog's events.
//
// Model: a TFRecord file: for each record its length (8 bytes, little-endian), the length's masked
// CRC-32C, the record, the record's masked CRC-32C (4 bytes each). A record is an Event; the first
// names the file's version.
// Durability: none. What a flush gave to the system outlives this process; a reader waits for the
// rest of a record that is cut short.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace strata {

// One record's bytes in the file.
std::string TfRecord(std::string_view record);

class EventFile {
 public:
  // Makes `folder`, and in it a file of this run: "events.out.tfevents.SECONDS.RUN", in whose order
  // TensorBoard reads them, with a number behind it where there is one already. UNAVAILABLE when it
  // can't be written.
  static absl::StatusOr<EventFile> Create(const std::filesystem::path& folder,
                                          const std::string& run, double seconds_since_1970);

  // Figures of one step, each a tag and its value.
  void AddScalars(double wall_time, int64_t step,
                  const std::vector<std::pair<std::string, double>>& scalars);
  // What all files of the folder have from `step` on counts no more.
  void AddPurge(double wall_time, int64_t step);
  // Gives what was added to readers. UNAVAILABLE with the path when the disk refuses it.
  absl::Status Flush();

  const std::filesystem::path& path() const { return path_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  EventFile(std::filesystem::path path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  void Add(const std::string& record);

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace strata
