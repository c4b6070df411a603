// Renders what standard input asks for by our chat templates, for chat_template_parity_test.py.
// usage: render_templates <REQUESTS; each line {"template": FILE, "variables": {…}, "prompt":
// BOOL}, each answered by a line {"text", "generated"} or {"error"}.
#include <iostream>
#include <map>
#include <string>

#include "common/huggingface/chat_template.h"
#include "common/json.h"
#include "common/posix_file.h"

namespace {

using strata::ChatTemplate;
using strata::Json;

absl::StatusOr<strata::RenderedChat> Rendered(const Json& request) {
  static std::map<std::string, ChatTemplate> compiled;
  const auto file = request["template"].get<std::string>();
  if (compiled.count(file) == 0) {
    absl::StatusOr<ChatTemplate> opened =
        ChatTemplate::Compile(strata::ReadFile(file, 1 << 20).value());
    if (!opened.ok()) return opened.status();
    compiled.emplace(file, *std::move(opened));
  }
  return compiled.at(file).Render(strata::DumpJson(request["variables"]),
                                  request["prompt"].get<bool>());
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto rendered = Rendered(strata::ParseJson(line, "a request").value());
    Json answer;
    if (rendered.ok()) {
      answer = {{"text", rendered->text}, {"generated", Json::array()}};
      for (const auto& [begin, end] : rendered->generated)
        answer["generated"].push_back({begin, end});
    } else {
      answer = {{"error", std::string(rendered.status().message())}};
    }
    std::cout << strata::DumpJson(answer) << "\n";
  }
  return 0;
}
