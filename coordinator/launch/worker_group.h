// One group of workers that was started: told of its end, and the way to end it.
// Made by a Launcher, held by the RunDriver for the life of an attempt.
#pragma once

#include <optional>
#include <string>

namespace strata {

struct GroupExit {
  bool clean = false;  // exit status 0
  std::string how;     // "mpirun's exit status 1", with what it says of why
};

class WorkerGroup {
 public:
  // Ends the group if it has not ended.
  virtual ~WorkerGroup() = default;
  // The group's end, once; none while it lives. When it is given, no process of the group that can
  // be reached from here lives.
  virtual std::optional<GroupExit> Poll() = 0;
  // False once Poll has given its end.
  virtual bool alive() const = 0;
  // Asks the group to end; after `grace_s` seconds, ends it by force. Poll has nothing more to give
  // when it returns.
  virtual void End(int grace_s) = 0;
};

}  // namespace strata
