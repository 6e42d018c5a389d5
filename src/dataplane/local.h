// Packets for the gateway itself, and what the gateway's kernel says: what is the kernel's business
// without a policy, what only with one, and what never.
#pragma once

#include "dataplane/fwd.h"
#include "dataplane/worker.h"

// Of packets from a protected port: takes out of b those for the gateway itself or for a group and
// gives them to the kernel; drops what never gets there and what is not to be forwarded.
void local_take(struct worker *w, struct burst *b);

// Of clear packets from the wire: the same, but only for what keeps the link and the tunnels alive.
// Everything else for the gateway stays in b, marked PACKET_LOCAL: a policy decides.
void local_take_vital(struct worker *w, struct burst *b);

// A packet for the gateway itself is such that it gets to the kernel in clear without a policy.
bool local_needs_no_policy(
	const struct fwd *fwd, const struct rte_mbuf *m, const struct packet *packet);

// The source of a packet from the wire is the gateway's own, or the way back to it leads to the
// protected side: whoever answers answers there.
bool local_source_inside(const struct worker *w, const struct rte_mbuf *m);

// A packet of the kernel's, on its way to the wire at `port`, keeps the link or the tunnels alive:
// it passes whatever the policies say.
bool local_is_vital(
	struct worker *w, uint8_t port, const struct rte_mbuf *m, const struct packet *packet);

// A packet marked PACKET_LOCAL that a policy let pass, its Ethernet header still in front of it.
void local_deliver(struct worker *w, struct rte_mbuf *m, const struct packet *packet);

// A packet out of a tunnel for an address of the gateway at port `home`.
void local_deliver_decrypted(
	struct worker *w, struct rte_mbuf *m, const struct packet *packet, uint8_t home);
