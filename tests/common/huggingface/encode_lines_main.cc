// Prints the ids of each line of standard input, and the bytes where they begin, by our tokenizer:
// what tokenizer_parity_test.py compares. usage: encode_lines TOKENIZER.JSON <LINES; a line is text
// in which "\n" and "\\" are escaped.
#include <cstdio>
#include <iostream>
#include <string>

#include "common/huggingface/tokenizer.h"

namespace {

std::string Unescaped(const std::string& line) {
  std::string text;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      text += line[i];
    } else {
      text += line[++i] == 'n' ? '\n' : line[i];
    }
  }
  return text;
}

}  // namespace

int main(int, char** argv) {
  const absl::StatusOr<strata::Tokenizer> tokenizer = strata::Tokenizer::FromFile(argv[1]);
  if (!tokenizer.ok()) {
    std::cerr << tokenizer.status() << "\n";
    return 65;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const absl::StatusOr<strata::Encoding> encoding = tokenizer->Encode(Unescaped(line));
    if (!encoding.ok()) {
      std::cerr << encoding.status() << "\n";
      return 65;
    }
    for (size_t i = 0; i < encoding->ids.size(); ++i)
      std::printf("%s%u:%u", i > 0 ? " " : "", encoding->ids[i], encoding->begins[i]);
    std::printf("\n");
  }
  return 0;
}
