// Keeps a worker that was stopped from outliving what started it.
#pragma once

namespace strata {

// From now on the kernel wakes this process when its parent is gone: a stopped one then finds its
// lease lost and ends. It is no signal that would end it at once, for it also comes when just the
// parent's thread ends that made it.
void WakeWhenOrphaned();

}  // namespace strata
