// Fills in the template of a job script: what is written between double braces is replaced.
// Takes a template's text and a value for each name, gives job_script.h the script.
//
// Model: lines that begin with two # are the template's own notes and are left out, and so is a
// line that is only a name whose value is empty.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace strata {

// deploy/slurm/job.sh, taken into the program when it is built.
std::string_view JobTemplateText();

struct JobTemplate {
  std::string name;  // for errors: its path
  std::string text;
};

// Every name of `values` may stand anywhere, or nowhere; `required` is one that must stand
// somewhere, "" is none. FAILED_PRECONDITION, with line and the nearest name, for a name that has
// no value, and without the one that is required.
absl::StatusOr<std::string> FillTemplate(const JobTemplate& job_template,
                                         const std::map<std::string, std::string>& values,
                                         const std::string& required);

}  // namespace strata
