// What every program that is started from here begins with, between fork and exec.
#pragma once

namespace strata {

// Makes the calling child the leader of a session of its own, with nothing on standard input,
// standard output and error to `output`, default signals and no other file open.
// Async-signal-safe: the parent may have threads. REQUIRES: fork has just returned 0.
void BeginAfresh(int output);

}  // namespace strata
