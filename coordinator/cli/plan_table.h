// Prints a plan as a table: what `strata plan` answers and what `strata train` begins with.
#pragma once

#include "coordinator/cli/terminal.h"
#include "coordinator/plan/plan.h"

namespace strata {

// A line for each stage, with remarks below it, and one for each dataset that is left alone.
void PrintPlanTable(const Plan& plan, const Terminal& terminal);

}  // namespace strata
