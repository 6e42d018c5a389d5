// What the daemon may still do once everything is open.
#pragma once

#include "base/error.h"

// For the control thread, with EAL up. It keeps CAP_NET_ADMIN, for neighbours and the host guard,
// and CAP_IPC_LOCK, for keys; EAL's own thread keeps nothing, and workers give up theirs when they
// start. 0 or -errno.
int privileges_reduce(struct error *err);
