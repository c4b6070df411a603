#include "coordinator/service/peer_text.h"

namespace strata {
namespace {

constexpr std::string_view kCut = "…";

bool IsInnerByte(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string PeerText(std::string_view text, size_t bytes_max) {
  std::string fit;
  if (text.size() > bytes_max) {
    size_t end = bytes_max - kCut.size();
    while (end > 0 && IsInnerByte(text[end])) --end;
    fit.append(text.substr(0, end)).append(kCut);
  } else {
    fit = text;
  }
  for (size_t i = 0; i < fit.size(); ++i) {
    const auto c = static_cast<unsigned char>(fit[i]);
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F) fit[i] = ' ';
    // U+0080 … U+009F
    if (c == 0xC2 && i + 1 < fit.size() && static_cast<unsigned char>(fit[i + 1]) < 0xA0)
      fit[i] = fit[i + 1] = ' ';
  }
  return fit;
}

}  // namespace strata
