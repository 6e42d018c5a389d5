// What the daemon asks of the kernel for its own process.
#pragma once

#include "base/error.h"

// No core dump, no tracing by other users: keys will be in memory. No privileges by other programs.
// Before there are threads. 0 or -errno.
int process_harden(struct error *err);
