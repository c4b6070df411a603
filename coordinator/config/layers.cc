#include "coordinator/config/layers.h"

#include <algorithm>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/config/branch_yaml.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

// NOT_FOUND, UNAVAILABLE, or FAILED_PRECONDITION for one that is too large.
absl::StatusOr<std::string> ReadText(const fs::path& file) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (status.type() == fs::file_type::not_found)
    return absl::NotFoundError(absl::StrCat("no such file: ", file.string()));
  if (status.type() == fs::file_type::none) {
    return absl::UnavailableError(
        absl::StrCat("cannot read ", file.string(), ": ", error.message()));
  }
  // A pipe would be waited for, for ever.
  if (!fs::is_regular_file(status)) {
    return absl::UnavailableError(absl::StrCat("not a regular file: ", file.string()));
  }
  absl::StatusOr<std::string> text = ReadFile(file, kBranchYamlBytesMax);
  if (text.ok()) return text;
  if (absl::IsOutOfRange(text.status())) {
    return absl::FailedPreconditionError(absl::StrCat(file.string(),
                                                      ":1: too large for a configuration, at most ",
                                                      kBranchYamlBytesMax, " bytes"));
  }
  return absl::UnavailableError(
      absl::StrCat("cannot read it; look at its permissions: ", file.string()));
}

absl::StatusOr<std::string> ReadBranchYaml(const fs::path& branch) {
  absl::StatusOr<std::string> text = ReadText(branch / "branch.yaml");
  if (!absl::IsNotFound(text.status())) return text;
  std::error_code error;
  const fs::path link = fs::read_symlink(branch / "branch.yaml", error);
  if (!error) {
    return absl::NotFoundError(absl::StrCat((branch / "branch.yaml").string(), " links to ",
                                            link.string(), ", and that is not there"));
  }
  return absl::NotFoundError(absl::StrCat(
      "no branch.yaml: this folder is not a branch; name one by -C DIR, or make one by "
      "`strata init DIR --base-model PATH`: ",
      branch.string()));
}

// As a user in the branch's folder would name it.
std::string ShownName(const fs::path& file, const fs::path& branch) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(branch, error);
  for (const fs::path& folder : {branch, real}) {
    const fs::path relative = file.lexically_relative(folder);
    if (!relative.empty() && fs::equivalent(branch / relative, file, error))
      return relative.string();
  }
  return file.string();
}

absl::StatusOr<std::vector<YamlEntry>> EntriesOf(const std::string& text, const fs::path& file,
                                                 const fs::path& branch) {
  const bool is_shared = file != branch / "branch.yaml";
  ASSIGN_OR_RETURN(const YamlValue document,
                   YamlValue::Parse(text, {file.string(), ShownName(file, branch)}, ""));
  if (document.IsNull()) {
    if (is_shared) return std::vector<YamlEntry>();
    return document.Error("empty; it needs at least model_name_or_path: PATH");
  }
  ASSIGN_OR_RETURN(std::vector<YamlEntry> entries, document.Entries());
  for (const YamlEntry& entry : entries) {
    if (!is_shared || entry.key != "name") continue;
    return entry.value.Error(
        "is one branch's own, and this file is shared; set it in the branch's branch.yaml, or "
        "leave it to be the folder's name");
  }
  return entries;
}

// The file that `entries` extend, taken out of them.
absl::StatusOr<std::optional<YamlValue>> TakeExtends(std::vector<YamlEntry>* entries) {
  const auto at = std::find_if(entries->begin(), entries->end(),
                               [](const YamlEntry& entry) { return entry.key == kExtendsKey; });
  if (at == entries->end()) return std::optional<YamlValue>();
  std::optional<YamlValue> value = at->value;
  entries->erase(at);
  ASSIGN_OR_RETURN(const std::string path, value->Text());
  if (path.empty()) return value->Error("must not be empty");
  return value;
}

// The file that `written` names in `file`, as the file system finds it: `..` of a folder that is a
// link leads beside the real one. By the shorter name where both names are of one file.
fs::path Named(const std::string& written, const fs::path& file) {
  const fs::path path = file.parent_path() / written, normal = path.lexically_normal();
  std::error_code error;
  if (fs::equivalent(path, normal, error)) return normal;
  const fs::path folder = fs::weakly_canonical(path.parent_path(), error);
  return error ? normal : (folder / path.filename()).lexically_normal();
}

// The text of the file that `extends` names; *file becomes that file.
absl::StatusOr<std::string> Follow(const YamlValue& extends, const std::vector<fs::path>& seen,
                                   fs::path* file) {
  ASSIGN_OR_RETURN(const std::string written, extends.Text());
  *file = Named(written, *file);
  std::error_code ignored;
  for (const fs::path& before : seen) {
    if (!fs::equivalent(before, *file, ignored)) continue;
    return extends.Error(absl::StrCat(
        "goes in a circle: the chain has that file already; remove one extends: ", file->string()));
  }
  if (seen.size() >= kLayersMax) {
    return extends.Error(
        absl::StrCat("makes a chain of more than ", kLayersMax, " files; join some of them"));
  }
  absl::StatusOr<std::string> text = ReadText(*file);
  if (absl::IsFailedPrecondition(text.status()) || text.ok()) return text;
  return extends.Error(
      absl::StrCat("cannot be followed; correct the path, which is relative to this file: ",
                   std::string(text.status().message())));
}

}  // namespace

absl::StatusOr<std::vector<Layer>> ReadLayers(const fs::path& branch) {
  std::vector<Layer> layers;
  std::vector<fs::path> seen;
  fs::path file = branch / "branch.yaml";
  ASSIGN_OR_RETURN(std::string text, ReadBranchYaml(branch));
  for (;;) {
    ASSIGN_OR_RETURN(std::vector<YamlEntry> entries, EntriesOf(text, file, branch));
    ASSIGN_OR_RETURN(const std::optional<YamlValue> extends, TakeExtends(&entries));
    layers.push_back({file.parent_path(), std::move(entries)});
    seen.push_back(file);
    if (!extends.has_value()) break;
    ASSIGN_OR_RETURN(text, Follow(*extends, seen, &file));
  }
  std::reverse(layers.begin(), layers.end());
  return layers;
}

}  // namespace strata
