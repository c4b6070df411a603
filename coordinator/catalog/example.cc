#include "coordinator/catalog/example.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kDepthMax = 64;
constexpr size_t kFirstCapacity = 8 << 10;  // bytes

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

template <typename... Parts>
absl::Status Bad(const Parts&... parts) {
  return absl::DataLossError(absl::StrCat(parts...));
}

// The keys that a line, or a message of a line, may have; others are ignored.
enum Field {
  kMessages,
  kInstruction,
  kInput,
  kOutput,
  kPrompt,
  kCompletion,
  kQuestion,
  kAnswer,
  kText,
  kRole,
  kContent
};
constexpr std::array<std::string_view, 11> kFieldNames = {
    "messages", "instruction", "input", "output", "prompt", "completion",
    "question", "answer",      "text",  "role",   "content"};
using Fields = std::array<std::optional<dom::element>, kFieldNames.size()>;

absl::string_view Name(Field field) { return View(kFieldNames[field]); }

std::string_view TypeName(dom::element_type type) {
  switch (type) {
    case dom::element_type::ARRAY:
      return "a list";
    case dom::element_type::OBJECT:
      return "an object";
    case dom::element_type::STRING:
      return "a text";
    case dom::element_type::BOOL:
      return "true or false";
    case dom::element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

absl::Status JsonError(simdjson::error_code error, std::string_view line) {
  const size_t last = line.find_last_not_of(" \t\r");
  const bool cut = last == std::string_view::npos || line[last] != '}';
  switch (error) {
    case simdjson::UTF8_ERROR:
      return Bad("not UTF-8");
    case simdjson::DEPTH_ERROR:
      return Bad("nested deeper than ", kDepthMax);
    case simdjson::UNESCAPED_CHARS:
      return Bad("not JSON: a control character in a text is not escaped");
    case simdjson::UNCLOSED_STRING:
      return Bad("not JSON: a text has no closing quote; the line may be cut");
    case simdjson::STRING_ERROR:
      return Bad("not JSON: a text has a bad escape");
    case simdjson::NUMBER_ERROR:
      return Bad("not JSON: a number that is malformed or does not fit 64 bits");
    case simdjson::EMPTY:
      return Bad("empty");
    case simdjson::MEMALLOC:
      return Bad("no memory to parse a line of ", line.size(), " bytes");
    default:
      return cut ? Bad("not JSON: ends before its object does; the line may be cut")
                 : Bad("not JSON");
  }
}

absl::Status RefuseDuplicateKeys(std::vector<std::string_view>* keys) {
  std::sort(keys->begin(), keys->end());
  const auto twice = std::adjacent_find(keys->begin(), keys->end());
  if (twice == keys->end()) return absl::OkStatus();
  return Bad("a key comes twice: ", View(twice->substr(0, 64)));
}

// What templates write into prompts and answers beside the content: without it another conversation
// would be learnt.
constexpr std::string_view kUnheardKeys[] = {"tools", "tool_calls", "reasoning_content"};

bool IsEmpty(const dom::element& value) {
  dom::array array;
  std::string_view text;
  if (value.get_array().get(array) == simdjson::SUCCESS) return array.size() == 0;
  if (value.get_string().get(text) == simdjson::SUCCESS) return text.empty();
  return value.is_null();
}

absl::Status RefuseUnheard(const dom::key_value_pair& pair) {
  const bool unheard = std::find(std::begin(kUnheardKeys), std::end(kUnheardKeys), pair.key) !=
                       std::end(kUnheardKeys);
  if (!unheard || IsEmpty(pair.value)) return absl::OkStatus();
  return Bad(
      "has ", View(pair.key),
      ", which this version does not train: without it another conversation would be learnt; "
      "leave such lines out, or write it into the content");
}

// A null counts as a missing key, as table exports write one for each empty column.
absl::Status FindFields(const dom::object& object, std::vector<std::string_view>* keys,
                        Fields* fields) {
  keys->clear();
  for (const dom::key_value_pair& pair : object) {
    keys->push_back(pair.key);
    RETURN_IF_ERROR(RefuseUnheard(pair));
    const auto name = std::find(kFieldNames.begin(), kFieldNames.end(), pair.key);
    if (name != kFieldNames.end() && !pair.value.is_null())
      (*fields)[name - kFieldNames.begin()] = pair.value;
  }
  return RefuseDuplicateKeys(keys);
}

absl::Status ReadText(const Fields& fields, Field field, std::string* text) {
  std::string_view value;
  if (fields[field]->get_string().get(value) != simdjson::SUCCESS) {
    return Bad(Name(field), " is ", View(TypeName(fields[field]->type())), ", not a text");
  }
  if (value.find('\0') != std::string_view::npos) return Bad(Name(field), " has a NUL character");
  // simdjson lets a lone low surrogate through as three bytes that are not UTF-8.
  if (!simdjson::validate_utf8(value))
    return Bad(Name(field), " has half of a surrogate pair (\\ud800 … \\udfff)");
  text->assign(value);
  return absl::OkStatus();
}

absl::Status ReadNonBlank(const Fields& fields, Field field, std::string* text) {
  RETURN_IF_ERROR(ReadText(fields, field, text));
  return IsBlank(*text) ? Bad(Name(field), " is empty") : absl::OkStatus();
}

// `where` is what the message is called: "messages[3]".
absl::Status CheckTurn(const std::vector<Message>& before, const Message& message, bool is_first,
                       const std::string& where) {
  if (message.role == "system") {
    return is_first ? absl::OkStatus() : Bad(where, " is of the system, which may only come first");
  }
  const bool after_user = !before.empty() && before.back().role == "user";
  const std::string_view expected = after_user ? "assistant" : "user";
  if (message.role == expected) return absl::OkStatus();
  if (message.role != "user" && message.role != "assistant") {
    return Bad(where,
               " has a role that is not system, user or assistant: ", message.role.substr(0, 64));
  }
  return Bad(where, " is of the ", message.role, " where the ", View(expected), " must speak");
}

absl::Status ReadMessage(const dom::element& element, const std::string& where, bool is_first,
                         std::vector<std::string_view>* keys, std::vector<Message>* messages) {
  dom::object object;
  if (element.get_object().get(object) != simdjson::SUCCESS)
    return Bad(where, " is ", View(TypeName(element.type())), ", not an object");
  const auto within = [&](const absl::Status& status) {
    return status.ok() ? status : Bad(where, ": ", status.message());
  };
  Fields fields;
  RETURN_IF_ERROR(within(FindFields(object, keys, &fields)));
  Message message;
  for (const Field field : {kRole, kContent}) {
    if (!fields[field].has_value()) return Bad(where, " has no ", Name(field));
    RETURN_IF_ERROR(
        within(ReadText(fields, field, field == kRole ? &message.role : &message.content)));
  }
  RETURN_IF_ERROR(CheckTurn(*messages, message, is_first, where));
  if (IsBlank(message.content)) {
    return message.role == "system" ? absl::OkStatus() : Bad(where, ": content is empty");
  }
  messages->push_back(std::move(message));
  return absl::OkStatus();
}

// Appends the messages of a list; `is_beginning`: it begins the conversation.
absl::Status ReadList(const Fields& fields, Field field, bool is_beginning,
                      std::vector<std::string_view>* keys, std::vector<Message>* messages) {
  dom::array array;
  if (fields[field]->get_array().get(array) != simdjson::SUCCESS)
    return Bad(Name(field), " is ", View(TypeName(fields[field]->type())), ", not a list");
  size_t index = 0;
  for (const dom::element& message : array) {
    const std::string where = absl::StrCat(Name(field), "[", index, "]");
    RETURN_IF_ERROR(ReadMessage(message, where, is_beginning && index == 0, keys, messages));
    ++index;
  }
  return messages->empty() ? Bad(Name(field), " is empty") : absl::OkStatus();
}

absl::Status CheckEnd(const std::vector<Message>& messages, Field field) {
  if (messages.back().role == "assistant") return absl::OkStatus();
  return Bad(Name(field), " does not end with the assistant's answer");
}

absl::Status ReadMessages(const Fields& fields, std::vector<std::string_view>* keys,
                          std::vector<Message>* messages) {
  RETURN_IF_ERROR(ReadList(fields, kMessages, /*is_beginning=*/true, keys, messages));
  return CheckEnd(*messages, kMessages);
}

bool IsList(const Fields& fields, Field field) {
  return fields[field].has_value() && fields[field]->is_array();
}

// A prompt and a completion of messages each.
absl::Status ReadPromptMessages(const Fields& fields, std::vector<std::string_view>* keys,
                                Example* example) {
  RETURN_IF_ERROR(ReadList(fields, kPrompt, /*is_beginning=*/true, keys, &example->messages));
  example->prompt_messages = example->messages.size();
  RETURN_IF_ERROR(ReadList(fields, kCompletion, /*is_beginning=*/false, keys, &example->messages));
  return example->messages.size() == example->prompt_messages
             ? Bad(Name(kCompletion), " is empty")
             : CheckEnd(example->messages, kCompletion);
}

struct Shape {
  Field prompt, answer;
};
constexpr Shape kShapes[] = {{kInstruction, kOutput}, {kPrompt, kCompletion}, {kQuestion, kAnswer}};

absl::Status ReadPair(const Fields& fields, const Shape& shape, Example* example) {
  Message prompt{"user", ""}, answer{"assistant", ""};
  RETURN_IF_ERROR(ReadNonBlank(fields, shape.prompt, &prompt.content));
  RETURN_IF_ERROR(ReadNonBlank(fields, shape.answer, &answer.content));
  if (shape.prompt == kInstruction && fields[kInput].has_value()) {
    std::string input;
    RETURN_IF_ERROR(ReadText(fields, kInput, &input));
    if (!IsBlank(input)) absl::StrAppend(&prompt.content, "\n\n", input);
  }
  example->messages.push_back(std::move(prompt));
  example->prompt_messages = 1;
  example->messages.push_back(std::move(answer));
  return absl::OkStatus();
}

absl::Status RefuseShape(const Fields& fields) {
  for (const Shape& shape : kShapes) {
    const bool has_prompt = fields[shape.prompt].has_value(),
               has_answer = fields[shape.answer].has_value();
    if (has_prompt) return Bad("has ", Name(shape.prompt), " but no ", Name(shape.answer));
    if (has_answer) return Bad("has ", Name(shape.answer), " but no ", Name(shape.prompt));
  }
  return Bad("has none of messages, instruction, prompt, question and text");
}

}  // namespace

bool IsUtf8(std::string_view text) { return simdjson::validate_utf8(text); }

struct ExampleReader::Parser {
  dom::parser dom;
  std::vector<std::string_view> keys;
};

ExampleReader::ExampleReader() : parser_(std::make_unique<Parser>()) {}
ExampleReader::~ExampleReader() = default;

absl::Status ExampleReader::Read(std::string_view line, Example* example) {
  example->messages.clear();
  example->prompt_messages = 0;
  example->text.clear();
  if (line.find('\0') != std::string_view::npos) return Bad("has a NUL byte");
  if (line.starts_with("\xEF\xBB\xBF"))
    return Bad("begins with a byte order mark, as files joined together do");
  // Capacity grows by doubling: simdjson alone would reallocate at each line longer than all before
  // it.
  if (line.size() > parser_->dom.capacity()) {
    const auto error =
        parser_->dom.allocate(std::max(kFirstCapacity, std::bit_ceil(line.size())), kDepthMax);
    if (error != simdjson::SUCCESS) return JsonError(error, line);
  }
  dom::element root;
  const auto error = parser_->dom.parse(line.data(), line.size()).get(root);
  if (error != simdjson::SUCCESS) return JsonError(error, line);
  dom::object object;
  if (root.get_object().get(object) != simdjson::SUCCESS) {
    return Bad("is ", View(TypeName(root.type())), ", not an object { … }");
  }
  Fields fields;
  RETURN_IF_ERROR(FindFields(object, &parser_->keys, &fields));
  if (fields[kMessages].has_value())
    return ReadMessages(fields, &parser_->keys, &example->messages);
  for (const Shape& shape : kShapes) {
    if (fields[shape.prompt].has_value() && fields[shape.answer].has_value()) {
      const bool of_messages = IsList(fields, shape.prompt) && IsList(fields, shape.answer);
      return of_messages && shape.prompt == kPrompt
                 ? ReadPromptMessages(fields, &parser_->keys, example)
                 : ReadPair(fields, shape, example);
    }
  }
  return fields[kText].has_value() ? ReadNonBlank(fields, kText, &example->text)
                                   : RefuseShape(fields);
}

}  // namespace strata
