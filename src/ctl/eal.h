// DPDK's environment abstraction layer, started with what the configuration says.
#pragma once

#include "ctl/config.h"

// Once per process. Afterwards the calling thread is the control thread, free to run on any CPU.
// 0 or -errno.
int eal_start(const struct config *config, struct error *err);
void eal_stop(void);
