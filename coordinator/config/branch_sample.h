// Gives the sample of branch.yaml as text and what its comments say of each key. The text is
// deploy/branch.sample.yaml, taken into the program when it is built: the one place where a user
// reads what a key means.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strata {

// deploy/branch.sample.yaml.
std::string_view BranchSample();

// The sentences above `key` in the sample, one line to a paragraph; empty for a key that it does
// not have. Keys that follow one another without a gap share theirs.
std::vector<std::string> SampleComment(std::string_view key);

}  // namespace strata
