// Packets whose senders are told that they went no further. Which ICMP a reason deserves, and
// whether any, the control thread knows (ctl/icmp.c).
#pragma once

#include "dataplane/forward.h"

// Gives the packet, whose drop is counted already, to the control thread. mtu: 0 where it is not
// the reason. Takes the mbuf.
void tell_sender(struct worker *w, struct rte_mbuf *m, const struct packet *packet,
	enum forward_origin origin, enum drop_reason reason, uint16_t mtu);
// The same, counted here.
void tell_drop(struct worker *w, struct rte_mbuf *m, const struct packet *packet,
	enum forward_origin origin, enum drop_reason reason, uint16_t mtu);
