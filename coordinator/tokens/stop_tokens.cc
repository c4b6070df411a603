#include "coordinator/tokens/stop_tokens.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr uint64_t kJsonBytesMax = 16 << 20;
constexpr char kKey[] = "eos_token_id";

// What `file` says; null when there is no such file or it says nothing.
absl::StatusOr<Json> EosOf(const std::filesystem::path& file) {
  const absl::StatusOr<std::string> text = ReadFile(file, kJsonBytesMax);
  if (absl::IsNotFound(text.status())) return Json();
  RETURN_IF_ERROR(text.status());
  ASSIGN_OR_RETURN(const Json json, ParseJson(*text, file.string()));
  return json.is_object() && json.contains(kKey) ? json[kKey] : Json();
}

}  // namespace

absl::StatusOr<std::vector<uint32_t>> StopTokens(const std::filesystem::path& base,
                                                 uint32_t eos_id) {
  std::vector<uint32_t> ids = {eos_id};
  ASSIGN_OR_RETURN(Json said, EosOf(base / "generation_config.json"));
  if (said.is_null()) {
    ASSIGN_OR_RETURN(said, EosOf(base / "config.json"));
  }
  if (said.is_null()) return ids;
  if (!said.is_array()) said = Json::array({said});
  for (const Json& id : said) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > UINT32_MAX)
      return absl::DataLossError(absl::StrCat("the ", kKey, " of the base at ", base.string(),
                                              " is no token id: ", DumpJson(said)));
    const auto number = id.get<uint32_t>();
    if (std::find(ids.begin(), ids.end(), number) == ids.end()) ids.push_back(number);
  }
  return ids;
}

}  // namespace strata
