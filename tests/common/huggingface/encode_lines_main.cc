// Encodes each line of standard input, a text as JSON, and decodes its ids, by our tokenizer: what
// tokenizer_parity_test.py compares. usage: encode_lines TOKENIZER.JSON <LINES; each is answered by
// {"ids", "begins", "bare", "text", "special"}.
#include <iostream>
#include <string>

#include "common/huggingface/tokenizer.h"
#include "common/json.h"

namespace {

strata::Json Answer(const strata::Tokenizer& tokenizer, const std::string& text) {
  const strata::Encoding encoding = tokenizer.Encode(text).value();
  return {{"ids", encoding.ids},
          {"begins", encoding.begins},
          {"bare", tokenizer.EncodeBare(text)->ids},
          {"text", tokenizer.Decode(encoding.ids).value()},
          {"special", tokenizer.DecodeWithSpecial(encoding.ids).value()}};
}

}  // namespace

int main(int, char** argv) {
  const absl::StatusOr<strata::Tokenizer> tokenizer = strata::Tokenizer::FromFile(argv[1]);
  if (!tokenizer.ok()) {
    std::cerr << tokenizer.status() << "\n";
    return 65;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const strata::Json text = strata::ParseJson(line, "a line").value();
    std::cout << strata::DumpJson(Answer(*tokenizer, text.get<std::string>())) << "\n";
  }
  return 0;
}
