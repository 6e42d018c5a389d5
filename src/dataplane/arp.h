// ARP: what is not for the kernel, and how urgent the rest is.
#pragma once

#include "dataplane/fwd.h"
#include "dataplane/stats.h"
#include "proto/drop.h"

// Why a message that arrived at `port` ends here: it is malformed, or nobody's here. m begins with
// its ARP header.
enum drop_reason arp_refusal(const struct fwd *fwd, uint8_t port, const struct rte_mbuf *m);

// One that is not refused: of a neighbour, or of a station that may be made up.
enum punt_class arp_class(const struct fwd *fwd, uint8_t port, const struct rte_mbuf *m);
