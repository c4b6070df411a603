// Turns the numbers that weights are kept in into fp32 and back. Adapters are
// widened and merged weights written through it. Pure; each function is one that compilers
// vectorise.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

namespace strata {

enum class NumberFormat { kFloat32, kBfloat16, kFloat16 };

// By safetensors' name: "F32", "BF16", "F16"; nullopt for any other.
inline std::optional<NumberFormat> NumberFormatOf(std::string_view dtype) {
  if (dtype == "F32") return NumberFormat::kFloat32;
  if (dtype == "BF16") return NumberFormat::kBfloat16;
  if (dtype == "F16") return NumberFormat::kFloat16;
  return std::nullopt;
}

inline int64_t BytesOf(NumberFormat format) { return format == NumberFormat::kFloat32 ? 4 : 2; }

// Each has the bits of a number: FromFloat rounds to the nearest, ties to even, beyond the largest
// to infinity; ToFloat is exact. A NaN stays one. kInfinity is the exponent of what is not finite.

struct Float32 {
  using Bits = uint32_t;
  static constexpr Bits kInfinity = 0x7f800000;
  static float ToFloat(Bits bits) { return std::bit_cast<float>(bits); }
  static Bits FromFloat(float value) { return std::bit_cast<Bits>(value); }
};

struct Bfloat16 {
  using Bits = uint16_t;
  static constexpr Bits kInfinity = 0x7f80;
  static float ToFloat(Bits bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }
  static Bits FromFloat(float value) {
    const auto bits = std::bit_cast<uint32_t>(value);
    const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    const uint32_t quiet = bits >> 16 | 0x40;
    return static_cast<Bits>((bits & 0x7fffffff) > Float32::kInfinity ? quiet : rounded);
  }
};

// After F. Giesen's half_to_float_fast5 and float_to_half_fast3_rtne (public domain).
struct Float16 {
  using Bits = uint16_t;
  static constexpr Bits kInfinity = 0x7c00;
  static float ToFloat(Bits bits) {
    constexpr uint32_t kExponent = uint32_t{kInfinity} << 13;
    const uint32_t shifted = uint32_t{bits & 0x7fffu} << 13;
    const uint32_t rebased = shifted + ((127 - 15) << 23);
    const uint32_t beyond = rebased + ((128 - 16) << 23);  // infinity, NaN
    constexpr uint32_t kLeast = 113 << 23;                 // 2^-14, the smallest normal
    const auto below = std::bit_cast<uint32_t>(std::bit_cast<float>(rebased + (1 << 23)) -
                                               std::bit_cast<float>(kLeast));
    const uint32_t exponent = shifted & kExponent;
    const uint32_t magnitude = exponent == kExponent ? beyond : exponent == 0 ? below : rebased;
    return std::bit_cast<float>(magnitude | uint32_t{bits & 0x8000u} << 16);
  }
  static Bits FromFloat(float value) {
    const auto bits = std::bit_cast<uint32_t>(value);
    const uint32_t magnitude = bits & 0x7fffffff;
    constexpr uint32_t kTooLarge = (127 + 16) << 23;  // 65536
    constexpr uint32_t kLeast = 113 << 23;
    constexpr uint32_t kMagic = ((127 - 15) + (23 - 10) + 1)
                                << 23;  // 0.5: fp32's ulp there is 2^-24
    const uint32_t beyond = magnitude > Float32::kInfinity ? 0x7e00 : 0x7c00;
    const uint32_t below =
        std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + std::bit_cast<float>(kMagic)) -
        kMagic;
    const uint32_t normal = (magnitude - ((127 - 15) << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
    const uint32_t half = magnitude >= kTooLarge ? beyond : magnitude < kLeast ? below : normal;
    return static_cast<Bits>(half | (bits >> 16 & 0x8000));
  }
};

}  // namespace strata
