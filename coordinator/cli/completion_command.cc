// completion: a script for the user's shell; __complete: what that script asks at each press of
// Tab.
#include <cstdio>
#include <string>

#include "coordinator/cli/command.h"
#include "coordinator/cli/completion.h"
#include "coordinator/cli/completion_values.h"
#include "coordinator/cli/text_width.h"

namespace strata {
namespace {

// Bash has cut the words at each "=", and replaces only what follows the last one.
constexpr char kBash[] =
    R"(# bash completion for strata. Load it by: source <(strata completion bash)
_strata() {
  local -a words=() reply=()
  local i word line
  for ((i = 1; i <= COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    if ((${#words[@]} > 0)) && [[ $word == = || ${COMP_WORDS[i - 1]} == = ]]; then
      words[-1]+=$word
    else
      words+=("${word/#\~\//$HOME/}")
    fi
  done
  COMPREPLY=()
  mapfile -t reply < <("${COMP_WORDS[0]/#\~\//$HOME/}" __complete "${words[@]}" 2>/dev/null)
  word=${COMP_WORDS[COMP_CWORD]}
  [[ $word == = ]] && word=
  case ${reply[0]-} in
    files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    folders) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    words)
      for line in "${reply[@]:1}"; do
        line=${line%%$'\t'*}
        [[ $line == *= ]] && compopt -o nospace 2>/dev/null
        if [[ ${words[-1]} == *=* ]]; then line=${line#"${words[-1]%=*}"=}; fi
        [[ $line == *[^[:alnum:]_.=/@:+,-]* ]] && printf -v line %q "$line"
        COMPREPLY+=("$line")
      done ;;
  esac
}
complete -F _strata strata
)";

constexpr char kZsh[] = R"(#compdef strata
# zsh completion for strata. Load it by: source <(strata completion zsh)
_strata() {
  local -a reply plain open
  local line text about
  reply=("${(@f)$("${(Q)words[1]/#\~\//$HOME/}" __complete "${(@)${(@Q)words[2,CURRENT]}/#\~\//$HOME/}" 2>/dev/null)}")
  case $reply[1] in
    files) _files ;;
    folders) _files -/ ;;
    words)
      for line in "${(@)reply[2,-1]}"; do
        text=${line%%$'\t'*} about=${line#*$'\t'}
        text=${text//:/\\:}
        [[ -n $about ]] && text="$text:$about"
        if [[ ${line%%$'\t'*} == *= ]]; then open+=("$text"); else plain+=("$text"); fi
      done
      (($#plain)) && _describe -V strata plain
      (($#open)) && _describe -V strata open -S '' ;;
  esac
}
compdef _strata strata
[[ ${funcstack[1]-} == _strata ]] && _strata "$@"
)";

constexpr char kFish[] =
    R"(# fish completion for strata. Load it by: strata completion fish | source
function __strata_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    test (count $current) -gt 0; or set current ''
    set -l reply ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    switch "$reply[1]"
        case files
            __fish_complete_path "$current"
        case folders
            __fish_complete_directories "$current"
        case words
            printf '%s\n' $reply[2..-1]
    end
end
complete -c strata -f -a '(__strata_complete)'
)";

const char* KindName(Completion::Kind kind) {
  switch (kind) {
    case Completion::Kind::kFiles:
      return "files";
    case Completion::Kind::kFolders:
      return "folders";
    case Completion::Kind::kWords:
      return "words";
  }
  return "words";
}

ExitCode PrintCompletion(const CLI::App& app, const std::vector<std::string>& words) {
  const Completion completion = Complete(app, words, ValuesInBranch);
  std::printf("%s\n", KindName(completion.kind));
  for (const OfferedWord& offer : completion.offers) {
    // A name with a line break would become two.
    if (Printable(offer.text) != offer.text) continue;
    std::printf("%s\t%s\n", offer.text.c_str(), Printable(offer.about).c_str());
  }
  return ExitCode::kOk;
}

}  // namespace

void AddCompletion(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand(
      "completion", "Print a script that lets your shell complete strata's command lines");
  command->footer(
      "bash:  echo 'source <(strata completion bash)' >> ~/.bashrc\n"
      "zsh:   echo 'source <(strata completion zsh)' >> ~/.zshrc    (after compinit)\n"
      "fish:  strata completion fish > ~/.config/fish/completions/strata.fish");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash (4.4 or newer), zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([=] {
    *action = [=]() -> absl::StatusOr<ExitCode> {
      std::fputs(*shell == "bash" ? kBash : *shell == "zsh" ? kZsh : kFish, stdout);
      return ExitCode::kOk;
    };
  });
  // Asked by the scripts alone: the words after "strata", the last one unfinished.
  CLI::App* ask = app->add_subcommand("__complete", "What could come next")->group("");
  ask->set_help_flag();
  ask->prefix_command();
  ask->callback([=] { *action = [=] { return PrintCompletion(*app, ask->remaining()); }; });
}

}  // namespace strata
