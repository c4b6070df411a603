// Names what a check of `strata doctor` says. Every group of checks gives Findings; the command
// prints them as they come.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace strata {

enum class Health { kOk, kWarning, kProblem, kNotTried };

struct Finding {
  std::string check;  // "mpirun", "disk adapters", …: frozen, scripts look for it
  Health state = Health::kOk;
  std::string found;    // what was measured, or why it was not tried
  std::string remedy;   // a command or a setting; "" when there is nothing to do
  bool detail = false;  // harmless and seldom of interest
};

Finding Fine(std::string check, std::string found);
Finding Warning(std::string check, std::string found, std::string remedy);
Finding Problem(std::string check, std::string found, std::string remedy);
Finding NotTried(std::string check, std::string why);

// "ok", "warning", "problem", "not tried"
const char* NameOf(Health state);

// The findings so far; each is told on as it comes.
class Findings {
 public:
  explicit Findings(std::function<void(const Finding&)> tell) : tell_(std::move(tell)) {}
  void Add(Finding finding);
  // Whether that check has found a problem; false for one that has said nothing.
  bool IsProblem(const std::string& check) const;
  // The first of `checks` that found a problem or was not tried, as the reason not to try another;
  // "" when all of them said that they are well, or nothing.
  std::string Obstacle(const std::vector<std::string>& checks) const;
  const std::vector<Finding>& all() const { return all_; }

 private:
  const std::function<void(const Finding&)> tell_;
  std::vector<Finding> all_;
};

// "4.2 MB", in powers of 1000.
std::string Bytes(double bytes);

}  // namespace strata
