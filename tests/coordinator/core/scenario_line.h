// Writes an event as a line of a scenario (scenario.h). Takes what a simulated life told the core,
// gives the text with which it can be told again.
#pragma once

#include <string>

#include "coordinator/core/run_core.h"

namespace strata {

// Digests become words of their first hexadecimal digits; spaces in reasons become '-'.
std::string ScenarioLine(const Event& event, Millis now);

// "1.0.3"
std::string PlaceWord(const Position& at);

}  // namespace strata
