// Gives each kind of identifier a type of its own, so that a rank is never passed where an attempt
// is meant.
#pragma once

#include <compare>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>

namespace strata {

template <typename Tag, typename T>
class StrongId {
 public:
  StrongId() = default;
  explicit StrongId(T value) : value_(std::move(value)) {}
  const T& value() const { return value_; }
  auto operator<=>(const StrongId&) const = default;

 private:
  T value_{};
};

template <typename Tag, typename T>
std::ostream& operator<<(std::ostream& out, const StrongId<Tag, T>& id) {
  return out << id.value();
}

// "20251031-104042-3f9a": one `strata train`, by when it began (UTC); names sort as the runs began.
using RunId = StrongId<struct RunTag, std::string>;
// 1, 2, …: one launch of the worker group within a run. 0 is no attempt.
using AttemptId = StrongId<struct AttemptTag, uint32_t>;
// 0 … world-1: one worker process of an attempt.
using Rank = StrongId<struct RankTag, int32_t>;
// 1, 2, …: an immutable committed adapter, written v0001 on disk. 0 is none: the branch's untrained
// beginning.
using Version = StrongId<struct VersionTag, uint32_t>;

// "v0012"; numbers above 9999 grow wider.
std::string VersionName(Version version);

}  // namespace strata
