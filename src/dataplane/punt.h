// The rings between workers and the control thread: punt up, one for each class of the kernel's
// traffic and each kind of request; inject down. Bounded; what does not fit or is more than its
// class may have is dropped and counted by whoever could not put it in. What came out of tunnels
// has limits of its own.
#pragma once

#include "base/bytes.h"
#include "dataplane/dataplane.h"

#define PUNT_RING 1024
#define INJECT_RING 1024

// Worker side. Each takes the mbuf.

// A frame for the host's kernel. m begins with its IP (or other) header; the Ethernet header is
// still in front of it and comes back.
void punt_frame(struct worker *w, uint8_t port, struct rte_mbuf *m, enum punt_class class);
// The same for a packet that has no Ethernet header of its own (it came out of a tunnel): it gets
// one that the kernel accepts at the host interface of `home`, the port of the address it is for.
void punt_bare(
	struct worker *w, uint8_t port, uint8_t home, struct rte_mbuf *m, enum punt_class class);
// The same for ICMP echo that is about the liveness of the tunnel with this index, perhaps: control
// looks at it first.
void punt_probe(struct worker *w, uint8_t port, uint8_t home, struct rte_mbuf *m, uint16_t tunnel);
// A frame as in punt_frame that is control's own, within the limits of a class: ICMP about a tunnel
// packet.
void punt_path_mtu(struct worker *w, uint8_t port, struct rte_mbuf *m, enum punt_class class);
// An IP packet, its meta filled, whose sender control must answer: META_TELL. mtu: 0 where it is
// not the reason.
void punt_tell(struct worker *w, uint8_t port, struct rte_mbuf *m, uint16_t mtu);
// An IP packet whose next hop has no link address yet. Control keeps it and gives it back, or drops
// it under this reason. origin: enum forward_origin.
void punt_unresolved(struct worker *w, const struct packet *packet, struct rte_mbuf *m,
	uint8_t origin, enum drop_reason reason);

// An Ethernet header that the kernel accepts at the host interface of a port with this address.
static inline void punt_ether(uint8_t *frame, const struct rte_ether_addr *to, uint8_t version)
{
	// Locally administered, nobody's: answers go by the kernel's route, not to this address.
	static const uint8_t source[RTE_ETHER_ADDR_LEN] = {2};

	memcpy(frame, to->addr_bytes, RTE_ETHER_ADDR_LEN);
	memcpy(frame + RTE_ETHER_ADDR_LEN, source, RTE_ETHER_ADDR_LEN);
	store_be16(frame + 12, version == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
}

// Control side.

// Up to n waiting frames of all workers, the most urgent class first; their meta says kind and
// port. They become the caller's.
unsigned punt_drain(struct dataplane *dp, struct rte_mbuf *m[], unsigned n);
// The same for requests of one kind.
unsigned punt_drain_requests(
	struct dataplane *dp, enum punt_request kind, struct rte_mbuf *m[], unsigned n);
// An empty mbuf for inject, its meta all zero, or NULL.
struct rte_mbuf *inject_alloc(struct dataplane *dp);
// A whole frame, to be sent from this port (META_FRAME), an IP packet of the gateway itself, to be
// routed (META_PACKET; port: for counting), or one that could not be sent before (META_RESUME, the
// rest of its meta as it came). Takes the mbuf. false: dropped, no room.
bool inject(struct dataplane *dp, struct rte_mbuf *m, enum meta_kind kind, uint8_t port);
