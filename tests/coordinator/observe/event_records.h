// Reads event files back for tests, by the format's own rules.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/posix_file.h"
#include "coordinator/observe/crc32c.h"
#include "gtest/gtest.h"
#include "strata/tensorboard/event.pb.h"

namespace strata {

inline uint64_t LittleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

// The records of a TFRecord file, each of whose CRCs is checked.
inline std::vector<std::string> RecordsOf(std::string_view file) {
  std::vector<std::string> records;
  while (file.size() >= 12) {
    const uint64_t length = LittleEndian(file.substr(0, 8));
    EXPECT_EQ(LittleEndian(file.substr(8, 4)), MaskedCrc32c(file.substr(0, 8)));
    if (file.size() < 16 + length) break;
    records.emplace_back(file.substr(12, length));
    EXPECT_EQ(LittleEndian(file.substr(12 + length, 4)), MaskedCrc32c(records.back()));
    file.remove_prefix(16 + length);
  }
  EXPECT_TRUE(file.empty()) << "a torn record";
  return records;
}

inline std::vector<tensorboard::Event> EventsOf(const std::filesystem::path& file) {
  std::vector<tensorboard::Event> events;
  for (const std::string& record : RecordsOf(ReadFile(file, UINT64_MAX).value())) {
    events.emplace_back();
    EXPECT_TRUE(events.back().ParseFromString(record));
  }
  return events;
}

}  // namespace strata
