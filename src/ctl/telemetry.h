// Commands for DPDK's own telemetry socket (eal.telemetry), for those whose tools ask that. The
// metrics (ctl/metrics.h) say more.
#pragma once

#include "base/error.h"

struct dataplane;

// /vped/drops, /vped/port,NAME, /vped/worker,N. Once; DPDK answers in a thread of its own. 0 or
// -errno.
int telemetry_open(const struct dataplane *dp, struct error *err);
// Before the data plane goes. The commands stay, and answer nothing.
void telemetry_close(void);
