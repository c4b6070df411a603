// Reads one line of a dataset into a conversation, whatever the shape of its keys. The door to
// simdjson. Takes lines from catalog.cc and, by their places, from the tokeniser.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/lineage.h"

namespace strata {

struct Message {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

// One good line. Either messages (the last is the assistant's) or plain text, all of which is
// learnt.
struct Example {
  std::vector<Message> messages;
  std::string text;
  size_t prompt_messages = 0;  // of messages, where the line has a prompt of its own; else 0
  bool is_text() const { return messages.empty(); }
};

// Reuses its buffers from line to line; one per thread.
class ExampleReader {
 public:
  ExampleReader();
  ~ExampleReader();
  // Accepts these shapes, and takes the first where a line has several:
  //   {"messages": [{"role", "content"}]}: the system at most once and first, then user and
  //       assistant in turn, the assistant last
  //   {"instruction", "output"}, with an optional "input" that follows the instruction after an
  //       empty line
  //   {"prompt", "completion"}: texts, or a list of messages each, which together are as `messages`
  //   {"question", "answer"}
  //   {"text"}
  // tools, tool_calls and reasoning_content are refused unless null or empty, of a line and of a
  // message. Other keys are ignored, a null counts as a missing key, a blank system message as none.
  //
  // DATA_LOSS with the reason, fit for "file:line: reason", for anything else: not JSON, nested
  // deeper than 64, a key twice, another type, a blank question or answer, NUL, bytes that are not
  // UTF-8. `line` has no line break; on failure *example is unspecified.
  absl::Status Read(std::string_view line, Example* example);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

bool IsUtf8(std::string_view text);

// True when `text` is nothing but white space: ASCII's, U+0085, U+00A0, U+1680, U+2000 … U+200A,
// U+2028, U+2029, U+202F, U+205F and U+3000.
bool IsBlank(std::string_view text);

// The normalised content is "role NUL content NUL" for each message, or the text: with each run of
// white space (as IsBlank says) made one space and the ends trimmed.
struct ExampleDigests {
  // The same for two lines that differ only in key shape, spacing or further keys.
  ExampleDigest content;
  // Of all but the last message, or of the text: what val_set_size draws by.
  ExampleDigest prompt;
};

// Both digests of many examples, cheaper than one by one; one per thread.
class ExampleDigester {
 public:
  ExampleDigests Of(const Example& example);

 private:
  Sha256 sha_;
  std::string normalised_;
};

// One digest of one example.
ExampleDigest ContentDigest(const Example& example);
ExampleDigest PromptDigest(const Example& example);

}  // namespace strata
