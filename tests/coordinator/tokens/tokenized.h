// Lets tests compare, print and write tokenised examples.
#pragma once

#include <filesystem>
#include <ostream>
#include <vector>

#include "coordinator/tokens/token_file.h"
#include "gtest/gtest.h"

namespace strata {

inline bool operator==(const Span& a, const Span& b) {
  return a.begin == b.begin && a.end == b.end;
}
inline std::ostream& operator<<(std::ostream& out, const Span& span) {
  return out << "[" << span.begin << ", " << span.end << ")";
}
inline bool operator==(const TokenizedExample& a, const TokenizedExample& b) {
  return a.ids == b.ids && a.supervised == b.supervised;
}
inline std::ostream& operator<<(std::ostream& out, const TokenizedExample& example) {
  for (const uint32_t id : example.ids) out << id << " ";
  for (const Span& span : example.supervised) out << span;
  return out;
}

inline void WriteTokens(const std::filesystem::path& file,
                        const std::vector<TokenizedExample>& examples) {
  absl::StatusOr<TokenFileWriter> writer = TokenFileWriter::Create(file);
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (const TokenizedExample& example : examples) writer->Append(example);
  ASSERT_TRUE(writer->Finish().ok());
}

}  // namespace strata
