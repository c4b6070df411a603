// Says what became of each stage of a run: what the adapter has of it, its losses, what was left
// out. Takes the plan, the core's state and the record of its steps; gives the store and the
// report their StageResults.
#pragma once

#include <vector>

#include "coordinator/core/run_core.h"
#include "coordinator/plan/plan.h"
#include "coordinator/run/run_record.h"
#include "coordinator/store/candidate.h"
#include "coordinator/store/report.h"

namespace strata {

// Indices into Dataset::examples, ascending: those in a step that was applied and whose update the
// adapter has.
std::vector<uint32_t> TrainedExamples(const Plan& plan, const StagePlan& stage,
                                      const RunState& state, const RunRecord& record);

// Of each stage of the plan, as if those that never ended had been done as planned.
std::vector<StageResult> StageResults(const Plan& plan, const RunState& state,
                                      const RunRecord& record);

// A report of these stages and, behind them, of the datasets that could not be planned; the rest of
// it is the caller's.
RunReport ReportOf(const std::vector<StageResult>& stages,
                   const std::vector<SkippedDataset>& skipped);

}  // namespace strata
