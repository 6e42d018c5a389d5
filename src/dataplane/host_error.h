// ICMP errors of the host's kernel on their way to the wire. They quote what they are about, and go
// only the way that it came: the kernel does not know of tunnels.
#pragma once

#include "dataplane/worker.h"

// Why this packet of the kernel's, which met the policy `match` outbound, may not go where that
// says; DROP_NONE: it may, or is no error.
enum drop_reason host_error_refusal(
	struct worker *w, struct rte_mbuf *m, const struct packet *packet, uint32_t match);
