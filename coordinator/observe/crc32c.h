// Computes the CRC-32C that TensorFlow's record files are guarded by.
// Used by event_file.cc.
#pragma once

#include <cstdint>
#include <string_view>

namespace strata {

// Castagnoli's polynomial 0x1EDC6F41, reflected, as in RFC 3720, appendix B.4.
uint32_t Crc32c(std::string_view bytes);

// The CRC as a record keeps it: rotated and shifted by a constant, so that a CRC over bytes which
// hold a CRC says something (TensorFlow's core/lib/hash/crc32c.h).
uint32_t MaskedCrc32c(std::string_view bytes);

}  // namespace strata
