#include "coordinator/cli/completion.h"

#include <algorithm>
#include <set>
#include <utility>

#include "coordinator/cli/command.h"

namespace strata {
namespace {

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }
bool IsRepeatable(const CLI::Option& option) { return option.get_items_expected_max() > 1; }

// What has been read of a line before the word in question.
struct Line {
  const CLI::App* command = nullptr;
  const CLI::Option* awaits = nullptr;  // an option whose value comes next
  std::set<const CLI::Option*> used;
  std::string branch = ".";
  size_t positionals = 0;
  bool is_wrong = false;
};

const CLI::Option* OptionNamed(const CLI::App& command, const std::string& name) {
  const auto found =
      command.get_options([&](const CLI::Option* option) { return option->check_name(name); });
  return found.empty() || found[0]->get_positional() ? nullptr : found[0];
}

// "--name=value" and "-Cvalue" in their parts; no value is none yet.
struct OptionWord {
  std::string name, value;
  bool has_value = false;
};

OptionWord Split(const std::string& word) {
  const size_t equals = word.find('=');
  if (word.rfind("--", 0) == 0) {
    if (equals == std::string::npos) return {word, ""};
    return {word.substr(0, equals), word.substr(equals + 1), true};
  }
  if (word.size() > 2) return {word.substr(0, 2), word.substr(2), true};
  return {word, ""};
}

void TakeValue(const CLI::Option& option, const std::string& value, Line* line) {
  if (option.check_name("--branch")) line->branch = value;
}

void ReadOption(const std::string& word, Line* line) {
  const OptionWord parts = Split(word);
  const CLI::Option* const option = OptionNamed(*line->command, parts.name);
  if (option == nullptr) return;
  line->used.insert(option);
  if (!TakesValue(*option)) return;
  if (parts.has_value) {
    TakeValue(*option, parts.value, line);
  } else {
    line->awaits = option;
  }
}

void ReadWord(const CLI::App& app, const std::string& word, Line* line) {
  if (line->awaits != nullptr) {
    TakeValue(*std::exchange(line->awaits, nullptr), word, line);
  } else if (word.size() > 1 && word[0] == '-') {
    ReadOption(word, line);
  } else if (line->command == &app) {
    const auto named =
        app.get_subcommands([&](const CLI::App* command) { return command->check_name(word); });
    line->is_wrong = named.empty();
    if (!named.empty()) line->command = named[0];
  } else {
    ++line->positionals;
  }
}

// The words between braces in "TEXT:{auto,cpu,cuda}".
std::vector<OfferedWord> ChoicesOf(const std::string& type) {
  std::vector<OfferedWord> choices;
  const size_t begin = type.find('{'), end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos) return choices;
  size_t at = begin + 1;
  while (at <= end) {
    const size_t comma = std::min(type.find(',', at), end);
    choices.push_back({type.substr(at, comma - at)});
    at = comma + 1;
  }
  return choices;
}

Completion ValuesFor(const CLI::Option& option, const Line& line, const std::string& word,
                     const ValuesOf& values) {
  const std::string type = option.get_type_name();
  if (type == "DIR") return {Completion::Kind::kFolders};
  if (type == "FILE") return {Completion::Kind::kFiles};
  if (std::vector<OfferedWord> choices = ChoicesOf(type); !choices.empty())
    return {Completion::Kind::kWords, std::move(choices)};
  return values(type, line.branch, word);
}

Completion CommandsOf(const CLI::App& app) {
  Completion completion;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_group().empty())
      completion.offers.push_back({command->get_name(), command->get_description()});
  }
  return completion;
}

Completion OptionsOf(const Line& line) {
  Completion completion;
  for (const CLI::Option* option : line.command->get_options()) {
    const bool is_spent = line.used.count(option) > 0 && !IsRepeatable(*option);
    if (option->get_positional() || is_spent) continue;
    const bool has_long = !option->get_lnames().empty();
    completion.offers.push_back(
        {has_long ? "--" + option->get_lnames()[0] : "-" + option->get_snames()[0],
         option->get_description()});
  }
  return completion;
}

Completion Offer(const CLI::App& app, const Line& line, const std::string& word,
                 const ValuesOf& values) {
  if (line.awaits != nullptr) return ValuesFor(*line.awaits, line, word, values);
  const OptionWord parts = Split(word);
  if (word.rfind("--", 0) == 0 && parts.has_value) {
    const CLI::Option* const option = OptionNamed(*line.command, parts.name);
    if (option == nullptr) return {};
    Completion completion = ValuesFor(*option, line, parts.value, values);
    for (OfferedWord& offer : completion.offers) offer.text = parts.name + "=" + offer.text;
    return completion;
  }
  if (word.rfind('-', 0) == 0) return OptionsOf(line);
  if (line.command == &app) return CommandsOf(app);
  const auto positionals =
      line.command->get_options([](const CLI::Option* option) { return option->get_positional(); });
  if (line.positionals < positionals.size())
    return ValuesFor(*positionals[line.positionals], line, word, values);
  if (!positionals.empty() && IsRepeatable(*positionals.back()))
    return ValuesFor(*positionals.back(), line, word, values);
  return OptionsOf(line);
}

}  // namespace

Completion Complete(const CLI::App& app, const std::vector<std::string>& words,
                    const ValuesOf& values) {
  Line line;
  line.command = &app;
  const std::string word = words.empty() ? "" : words.back();
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    ReadWord(app, words[i], &line);
    if (line.is_wrong) return {};
  }
  Completion completion = Offer(app, line, word, values);
  std::erase_if(completion.offers, [&](const OfferedWord& offer) {
    return offer.text.compare(0, word.size(), word) != 0;
  });
  return completion;
}

}  // namespace strata
