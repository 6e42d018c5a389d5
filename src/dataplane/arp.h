// ARP that is not for the kernel.
#pragma once

#include "dataplane/fwd.h"
#include "proto/drop.h"

// Why a message that arrived at `port` ends here: it is malformed, or nobody's here. m begins with
// its ARP header.
enum drop_reason arp_refusal(const struct fwd *fwd, uint8_t port, const struct rte_mbuf *m);
