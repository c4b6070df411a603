// Counts how often the user has asked a command to stop (Ctrl-C, TERM, HUP, USR1), for those that
// have workers to end or half an export to remove. The door to signal handlers.
#pragma once

#include <atomic>

namespace strata {

// From now on a signal counts; before WorkBegins it ends the program with `words` (a line, that
// lives as long as the program) and exit code 75: reading leaves nothing behind that would have to
// be ended. A signal that was ignored stays so (nohup).
void CatchStops(const char* words);
// Workers are, or are about to be, at work, or files are written: to end that is the command's
// business.
void WorkBegins();
// How often a stop was asked for.
const std::atomic<int>* StopsAsked();

}  // namespace strata
