#include "coordinator/tokens/template_source.h"

#include "absl/strings/str_cat.h"
#include "common/posix_file.h"
#include "common/status_macros.h"

namespace strata {

const char kDefaultChatTemplate[] =
    "{%- for message in messages -%}"
    "{%- if not loop.first and message.role != 'assistant' -%}{{ '\\n\\n' }}{%- endif -%}"
    "{%- if message.role == 'user' -%}"
    "{{ '### Instrucción:\\n' + message.content + '\\n\\n### Respuesta:\\n' }}"
    "{%- elif message.role == 'assistant' -%}{{ message.content + eos_token }}"
    "{%- else -%}{{ message.content }}{%- endif -%}"
    "{%- endfor -%}";

namespace {

namespace fs = std::filesystem;

constexpr uint64_t kBytesMax = 16 << 20;
constexpr char kFile[] = "chat_template.jinja";
constexpr char kSettings[] = "tokenizer_config.json";
constexpr char kKey[] = "chat_template";
constexpr const char* kTokens[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                   "pad_token", "cls_token", "mask_token"};

// An empty object when there is no such file, or no object in it.
Json ObjectIn(const fs::path& file) {
  const absl::StatusOr<std::string> text = ReadFile(file, kBytesMax);
  absl::StatusOr<Json> json = text.ok() ? ParseJson(*text, file.string()) : Json::object();
  return json.ok() && json->is_object() ? *std::move(json) : Json::object();
}

// "</s>" or {"content": "</s>"}; "" for anything else.
std::string TokenText(const Json& token) {
  if (token.is_string()) return token.get<std::string>();
  return token.is_object() ? JsonString(token, "content", "it").value_or("") : "";
}

// A text, or a list of {name, template}.
absl::StatusOr<std::string> TemplateIn(const Json& value, const std::string& file) {
  if (value.is_string()) return value.get<std::string>();
  for (const Json& named : value.is_array() ? value : Json::array()) {
    if (JsonString(named, "name", file).value_or("") == "default")
      return JsonString(named, "template", file);
  }
  return absl::DataLossError(
      absl::StrCat("chat_template of ", file,
                   " is neither a text nor a list with a template that is named \"default\""));
}

}  // namespace

absl::StatusOr<TemplateSource> TemplateInFile(const fs::path& file) {
  absl::StatusOr<std::string> text = ReadFile(file, kBytesMax);
  if (absl::IsNotFound(text.status()))
    return absl::NotFoundError(absl::StrCat("no chat template ", file.string()));
  RETURN_IF_ERROR(text.status());
  if (text->empty())
    return absl::DataLossError(absl::StrCat("the chat template ", file.string(), " is empty"));
  return TemplateSource{*std::move(text), file.string()};
}

absl::StatusOr<TemplateSource> ModelTemplate(const fs::path& base) {
  absl::StatusOr<TemplateSource> beside = TemplateInFile(base / kFile);
  if (!absl::IsNotFound(beside.status())) return beside;
  const std::string file = (base / kSettings).string();
  const Json settings = ObjectIn(file);
  const auto at = settings.find(kKey);
  if (at == settings.end() || at->is_null()) {
    return absl::NotFoundError(absl::StrCat("the base at ", base.string(),
                                            " has no chat template of its own, neither ", kFile,
                                            " nor chat_template in its ", kSettings));
  }
  ASSIGN_OR_RETURN(std::string text, TemplateIn(*at, file));
  return TemplateSource{std::move(text), file};
}

absl::StatusOr<TemplateSource> ChosenTemplate(const fs::path& base, const std::string& choice) {
  if (choice == "default") return TemplateSource();
  if (choice != "model") {
    absl::StatusOr<TemplateSource> named = TemplateInFile(choice);
    if (!absl::IsNotFound(named.status())) return named;
    return absl::FailedPreconditionError(
        absl::StrCat(std::string(named.status().message()),
                     ": correct chat_template, or take the base's own with chat_template: model"));
  }
  absl::StatusOr<TemplateSource> own = ModelTemplate(base);
  if (!absl::IsNotFound(own.status())) return own;
  return absl::FailedPreconditionError(
      absl::StrCat("chat_template is model, but ", std::string(own.status().message()),
                   ": name a .jinja file, or take the built-in one with chat_template: default"));
}

Json NamedTokens(const fs::path& base) {
  Json settings = ObjectIn(base / kSettings);
  if (!settings.contains("added_tokens_decoder")) {
    const Json map = ObjectIn(base / "special_tokens_map.json");
    for (const auto& [key, value] : map.items()) settings[key] = value;
  }
  Json tokens = Json::object();
  for (const char* name : kTokens) {
    const std::string text = settings.contains(name) ? TokenText(settings[name]) : "";
    if (!text.empty()) tokens[name] = text;
  }
  return tokens;
}

}  // namespace strata
