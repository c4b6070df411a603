// Tells which strata this is, for the metrics of a run.
#pragma once

namespace strata {

// What git called the sources when the build was configured; "unknown" without git.
const char* BuildRevision();
// "GNU 12.2.0".
const char* BuildCompiler();

}  // namespace strata
