#include "coordinator/run/dataset_names.h"

#include <algorithm>
#include <string_view>

#include "common/edit_distance.h"
#include "coordinator/config/glob.h"

namespace strata {
namespace {

constexpr size_t kNearNames = 3;
constexpr std::string_view kEnding = ".jsonl";

std::string StemOf(const std::string& name) {
  return name.ends_with(kEnding) ? name.substr(0, name.size() - kEnding.size()) : name;
}

}  // namespace

std::set<std::string> DatasetsNamed(const std::string& wanted, const std::set<std::string>& known) {
  for (const std::string& name : {wanted, wanted + std::string(kEnding)}) {
    if (known.contains(name)) return {name};
  }
  std::set<std::string> fitting;
  if (wanted.find_first_of("*?") == std::string::npos) return fitting;
  for (const std::string& name : known) {
    if (GlobMatches(wanted, name) || GlobMatches(wanted, StemOf(name))) fitting.insert(name);
  }
  return fitting;
}

std::vector<std::string> DatasetsNear(const std::string& wanted,
                                      const std::set<std::string>& known) {
  std::vector<std::string> near(known.begin(), known.end());
  std::stable_sort(near.begin(), near.end(), [&](const std::string& a, const std::string& b) {
    return EditDistance(StemOf(wanted), StemOf(a)) < EditDistance(StemOf(wanted), StemOf(b));
  });
  near.resize(std::min(near.size(), kNearNames));
  return near;
}

}  // namespace strata
