// Counts the slips between two names, to answer an unknown one with the nearest that is known.
#pragma once

#include <cstddef>
#include <string_view>

namespace strata {

// The fewest inserted, deleted, replaced or neighbour-swapped bytes that make `a` of `b`, no byte
// changed twice (optimal string alignment). Takes time in proportion to the product of the lengths.
size_t EditDistance(std::string_view a, std::string_view b);

}  // namespace strata
