// Shows what each rank of an attempt computes with: host, device, cpus, threads.
// Takes the seats that the driver tells of, gives text and JSON.
#pragma once

#include <string>
#include <vector>

#include "common/json.h"
#include "coordinator/cli/terminal.h"
#include "coordinator/core/run_events.h"

namespace strata {

// A line each, under a heading; the index is the rank.
std::string RankTable(const std::vector<RankSeat>& by_rank, const Terminal& terminal);

Json RanksJson(const std::vector<RankSeat>& by_rank);

}  // namespace strata
