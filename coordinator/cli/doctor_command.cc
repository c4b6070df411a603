#include <algorithm>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "common/counted.h"
#include "common/json.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/terminal.h"
#include "coordinator/cli/text_width.h"
#include "coordinator/doctor/examination.h"

namespace strata {
namespace {

struct DoctorOptions {
  BranchOptions branch;
  int ranks = 0;
  unsigned patience_s = 30;
  bool verbose = false;
};

Style StyleOf(Health state) {
  switch (state) {
    case Health::kOk:
      return Style::kGreen;
    case Health::kWarning:
      return Style::kYellow;
    case Health::kProblem:
      return Style::kRed;
    case Health::kNotTried:
      break;
  }
  return Style::kDim;
}

// Behind what the line has already; a narrow terminal breaks it between words.
void PrintBeside(const std::string& text, const Terminal& terminal) {
  constexpr int kIndent = 26, kLeast = 30;
  std::vector<std::string> lines = {text};
  if (terminal.columns > 0)
    lines = Wrapped(text, static_cast<size_t>(std::max(terminal.columns - kIndent, kLeast)));
  for (size_t i = 0; i < lines.size(); ++i)
    std::printf("%*s%s\n", i == 0 ? 0 : kIndent, "", lines[i].c_str());
}

void Print(const Finding& finding) {
  const Terminal terminal = Terminal::Of(fileno(stdout));
  const std::string state = absl::StrFormat("%-9s", NameOf(finding.state));
  std::printf("%s  %-13s  ", terminal.Styled(StyleOf(finding.state), state).c_str(),
              finding.check.c_str());
  PrintBeside(finding.found, terminal);
  if (!finding.remedy.empty()) {
    std::printf("%26s", "");
    PrintBeside("-> " + finding.remedy, terminal);
  }
  std::fflush(stdout);
}

int Count(const std::vector<Finding>& findings, Health state) {
  int count = 0;
  for (const Finding& finding : findings) count += finding.state == state ? 1 : 0;
  return count;
}

void PrintEnd(const std::vector<Finding>& findings) {
  const int problems = Count(findings, Health::kProblem),
            warnings = Count(findings, Health::kWarning);
  std::printf("%s\n", absl::StrCat(Counted(findings.size(), "check"), ": ",
                                   Counted(problems, "problem"), ", ", Counted(warnings, "warning"))
                          .c_str());
}

void PrintJson(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"check", finding.check},
                    {"state", NameOf(finding.state)},
                    {"found", finding.found},
                    {"remedy", finding.remedy}});
  }
  std::printf("%s\n", DumpJson(list, 1).c_str());
}

ExitCode RunDoctor(const DoctorOptions& options, bool branch_named) {
  const bool json = options.branch.json;
  Examination examination({.branch = options.branch.branch,
                           .branch_named = branch_named,
                           .set = options.branch.set,
                           .ranks = options.ranks,
                           .patience = std::chrono::seconds(options.patience_s)},
                          [&](const Finding& finding) {
                            if (!json && (!finding.detail || options.verbose)) Print(finding);
                          });
  Examine(&examination);
  const std::vector<Finding>& findings = examination.findings.all();
  json ? PrintJson(findings) : PrintEnd(findings);
  return Count(findings, Health::kProblem) == 0 ? ExitCode::kOk : ExitCode::kUnavailable;
}

}  // namespace

void AddDoctor(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand(
      "doctor",
      "Try out what this machine has and lacks for training, and say what to do about it.\n"
      "With a branch, its settings, files and disk too. Trains nothing; what it writes it removes, "
      "but for caches and the log of ranks that failed.\n"
      "Exit code 0 when nothing is a problem (warnings allowed), else 69.");
  auto options = std::make_shared<DoctorOptions>();
  AddBranchOptions(command, &options->branch);
  command
      ->add_option("--ranks", options->ranks,
                   "How many ranks add up with one another; default: the branch's workers, else 2")
      ->check(CLI::Range(1, 65536));
  command
      ->add_option("--patience", options->patience_s,
                   "Seconds to wait for the worker, and for the ranks, before they are ended")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  command->add_flag("--verbose", options->verbose, "Say also what is harmless");
  command->callback([=] {
    // Settings are a branch's.
    const bool named = command->count("--branch") + command->count("--set") > 0;
    *action = [=]() -> absl::StatusOr<ExitCode> { return RunDoctor(*options, named); };
  });
}

}  // namespace strata
