// Sums of what workers count, read while they go on counting.
#pragma once

#include "dataplane/dataplane.h"

// Of one port over all workers, with what the control thread dropped; struct port_stats as plain
// numbers.
struct port_stats show_sum_port(const struct dataplane *dp, unsigned port);
// Drops of one worker over all ports.
void show_sum_worker_drops(
	const struct dataplane *dp, const struct worker *worker, uint64_t drops[DROP_REASONS]);
