// Turns the tokens of an answer into text as they come: what it has given is never taken back.
// Takes ids, gives whoever shows them the text that is certain by then.
//
// Model: all ids so far are decoded each time, since a token's text depends on its neighbours (a
// leading space, a character's bytes over several tokens); what is new of it is given, without a
// character at the end that may yet become another one. A decoder of bytes takes whole characters
// back for a broken one right behind them: they stay, and the text goes on behind them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/huggingface/tokenizer.h"

namespace strata {

class StreamedText {
 public:
  // `tokenizer` outlives this.
  explicit StreamedText(const Tokenizer* tokenizer) : tokenizer_(tokenizer) {}
  // The text that has become certain with `ids`; "" when none has. `last`: no token follows, so
  // that everything is. DATA_LOSS when the tokenizer can't decode them.
  absl::StatusOr<std::string> Add(const std::vector<uint32_t>& ids, bool last);

  const std::vector<uint32_t>& ids() const { return ids_; }
  // As the tokenizer decodes all ids, but for what was given and stays; after the last, what the
  // pieces make up together.
  const std::string& text() const { return text_; }

 private:
  // Makes text_ of kept_ and the ids from begin_ on.
  absl::Status Decode();
  // The beginning of text_ that no further token changes.
  std::string_view Certain(bool last) const;

  const Tokenizer* tokenizer_;
  std::vector<uint32_t> ids_;
  std::string text_, given_;
  size_t given_ids_ = 0;  // of ids_, whose text given_ was when it was the whole
  size_t begin_ = 0;      // of ids_, from where they are decoded
  std::string kept_;      // what was given of those before begin_
};

}  // namespace strata
