// Tries a chat template on a conversation of two messages and says what the branch's examples would
// teach by it that nobody wants. Takes the tokenizer of a branch, gives sentences for the user.
#pragma once

#include <string>
#include <vector>

#include "coordinator/tokens/example_tokenizer.h"

namespace strata {

// Each says what and what to do; none of a template that refuses the conversation, which every
// example will say.
std::vector<std::string> TemplateWarnings(const ExampleTokenizer& tokenizer);

}  // namespace strata
