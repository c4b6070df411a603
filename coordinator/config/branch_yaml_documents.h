// Looks for what follows the first document of a YAML text. Takes what branch_yaml_value.cc is to
// read, before it reads it.
//
// yaml-cpp's own LoadAll does not come to an end where a sign begins no document (",a"): it finds
// an empty one there again and again until memory is gone.
#pragma once

#include <optional>
#include <string>

namespace strata {

struct SecondDocument {
  int line = 0;           // from 0
  bool is_marked = true;  // by ---; else what stands there belongs to nothing before it
};

// nullopt when the text has one document, or none. Throws YAML::Exception for malformed YAML; reads
// no further than a second document.
std::optional<SecondDocument> FindSecondDocument(const std::string& text);

}  // namespace strata
