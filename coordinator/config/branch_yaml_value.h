// Gives YAML as checked values whose errors say where they stand. The door to yaml-cpp; its
// exceptions end here. Takes the text of branch.yaml or of one --set, gives branch_keys.h what it
// reads fields from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace YAML {
class Node;
}

namespace strata {

// Where YAML text came from: the beginning of each of its errors.
struct YamlOrigin {
  std::string name;        // "/b/branch.yaml" or "--set lora_r=0"
  std::string short_name;  // "branch.yaml" or "--set": for tables
  bool is_file = true;  // errors name the line, and are FAILED_PRECONDITION, else INVALID_ARGUMENT
};

// The numbers that a key allows.
struct RealRange {
  double min = 0, max = 0;
  bool min_included = true, max_included = true;
};

// "a whole number from 1 to 8", "a number above 0 to 1": what a key asks for, in errors and in
// help.
std::string WholeText(uint64_t min, uint64_t max);
std::string RealText(const RealRange& range);

struct YamlEntry;

// A part of a document. Copies share it.
class YamlValue {
 public:
  // Reads one document; `key` names it in errors. An error for two documents, malformed YAML, or
  // deep nesting.
  static absl::StatusOr<YamlValue> Parse(const std::string& text, const YamlOrigin& origin,
                                         std::string key);

  // True for nothing at all, ~ and null. Every function below is an error then.
  bool IsNull() const;
  // A scalar, quoted or not, of at most 4096 bytes and without control characters.
  absl::StatusOr<std::string> Text() const;
  // Decimal digits, not quoted.
  absl::StatusOr<uint64_t> Whole(uint64_t min, uint64_t max) const;
  // A finite decimal number, not quoted.
  absl::StatusOr<double> Real(const RealRange& range) const;
  absl::StatusOr<bool> Bool() const;
  absl::StatusOr<std::vector<YamlValue>> Items() const;
  // In the order of the text. An error for a key that comes twice or is not plain text.
  absl::StatusOr<std::vector<YamlEntry>> Entries() const;

  // A copy whose Bool is the opposite.
  YamlValue Inverse() const;

  // "FILE:LINE: KEY MESSAGE", with the code of the origin.
  absl::Status Error(std::string_view message) const;
  int line() const { return line_; }
  // "branch.yaml:12", or "--set"; and with the origin's whole name.
  std::string Place() const;
  std::string FullPlace() const;

 private:
  YamlValue(std::shared_ptr<const YAML::Node> node, std::shared_ptr<const YamlOrigin> origin,
            std::string key, int line);
  YamlValue Child(const YAML::Node& node, std::string key, int line) const;
  // "is 3", "is a list", … : the end of most messages.
  std::string Shown() const;
  // The text of a scalar that is not quoted; `kind` for the message otherwise.
  absl::StatusOr<std::string> Plain(std::string_view kind) const;

  std::shared_ptr<const YAML::Node> node_;
  std::shared_ptr<const YamlOrigin> origin_;
  std::string key_;  // "lora_r", "tiers[1].match[0]"; "" is the document
  int line_;         // from 1
  bool inverse_ = false;
};

struct YamlEntry {
  std::string key;  // as written, or the key of ours that this is an alias of
  YamlValue value;
  std::string written;
};

}  // namespace strata
