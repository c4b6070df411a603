// Says what could come next on a command line: for the shells, which ask at each press of Tab.
// Takes the tree of commands as main.cc has built it, so what is offered is what is accepted.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace strata {

struct OfferedWord {
  std::string text;
  std::string about = {};  // a few words beside it, where the shell shows them
};

struct Completion {
  // What the shell is to show: `offers`, or files or folders that it finds itself.
  enum class Kind { kWords, kFiles, kFolders };
  Kind kind = Kind::kWords;
  std::vector<OfferedWord> offers = {};
};

// The values that an option of `type` ("DATASET", see command.h) can have in the branch; `word` is
// what has been typed of it.
using ValuesOf = std::function<Completion(const std::string& type, const std::string& branch,
                                          const std::string& word)>;

// What may stand for the last of `words`, which follow the program's name; the last is what has
// been typed so far, often "". Only offers that begin with it. Nothing for a line that is
// wrong.
Completion Complete(const CLI::App& app, const std::vector<std::string>& words,
                    const ValuesOf& values);

}  // namespace strata
