// Draws one stage of a run as lines that fit the terminal: two while it is trained, one when it has
// ended. Pure; progress.h says when.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "coordinator/cli/terminal.h"

namespace strata {

// A colour for each tier, in the order in which they are met; the same for every table of a run.
std::map<std::string, Style> TierStyles(const std::vector<std::string>& tiers);

struct StageView {
  uint32_t number = 0, count = 0;  // the third of twelve is 3, 12
  std::string dataset, tier;       // tier "" is none
  size_t tier_columns = 0;         // of the widest tier of the run, so that lines stand in columns
  uint64_t examples = 0;           // of an epoch
  Style tier_style = Style::kPlain;
  uint32_t epoch = 0, epochs = 0;       // from 1
  uint32_t done = 0, total = 0;         // updates
  double loss = 0;                      // NaN: none was finite yet
  double held_out_loss = std::nan("");  // of the last evaluation; NaN: none yet
  bool stopped_early = false;           // the evaluation ended it before its last update
  std::vector<double> losses = {};  // of all updates so far, oldest first; not finite ones left out
  double tokens_per_second = 0;
  double seconds = 0;  // spent on it
  double stage_seconds_left = 0, run_seconds_left = 0;
};

// Two lines while it goes: what is trained, and how far it is. Never as wide as the terminal, so
// that no cursor is left beyond its edge.
std::vector<std::string> StageLines(const StageView& view, const Terminal& terminal);

// What stays of it: done, or ended before its last update.
std::string StageEndLine(const StageView& view, const Terminal& terminal);

// "8 s", "1 m 20 s", "2 h 05 m".
std::string DurationText(double seconds);

// The last `columns` of the losses as bars between the least and the greatest of these; "" without
// UTF-8.
std::string Sparkline(const std::vector<double>& losses, size_t columns, const Terminal& terminal);

}  // namespace strata
