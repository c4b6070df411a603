// Reads one line of a dataset into a conversation, whatever the shape of its keys. The door to simdjson.
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

// One good line. Either messages (the last is the assistant's) or plain text, all of which is learnt.
struct Example {
  std::vector<Message> messages;
  std::string text;
  bool is_text() const { return messages.empty(); }
};

// Reuses its buffers from line to line; one per thread.
class ExampleReader {
 public:
  ExampleReader();
  ~ExampleReader();
  // Accepts {"instruction", "output", optional "input"}, {"messages": [{"role", "content"}]}, {"prompt", "completion"},
  // {"question", "answer"} and {"text"}; other keys are ignored. `line` has no line break.
  // DATA_LOSS with the reason, fit for "file:line: reason", for anything else; on failure *example is unspecified.
  absl::Status Read(std::string_view line, Example* example);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

// Over roles and contents with runs of white space made one space and the ends trimmed: the same for two lines that
// differ only in key shape, spacing or further keys.
ExampleDigest ContentDigest(const Example& example);
// The same over all but the last message (over the text where there are no messages): what val_set_size draws by.
ExampleDigest PromptDigest(const Example& example);

}  // namespace strata
