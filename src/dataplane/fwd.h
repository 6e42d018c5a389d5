// Forwarding: routes of both families (rte_fib) and neighbours, a mirror of the kernel's. Built by
// the control thread, swapped as a whole, read by workers.
#pragma once

#include "base/addr.h"
#include "base/error.h"
#include "dataplane/port.h"
#include "proto/burst.h"

enum adjacency_kind {
	ADJACENCY_NO_ROUTE,
	ADJACENCY_UNREACHABLE, // the route says so, as the two that follow
	ADJACENCY_PROHIBIT,
	ADJACENCY_BLACKHOLE,
	ADJACENCY_LOCAL,     // an address of this host
	ADJACENCY_MULTICAST, // or broadcast: the host's, never forwarded
	ADJACENCY_LINK,	     // the destination is on the link: see the neighbours
	ADJACENCY_PENDING,   // its link address is not known yet
	ADJACENCY_FAILED,    // it does not answer
	ADJACENCY_FORWARD,   // ready
};

// Where a packet goes next.
struct adjacency {
	uint8_t kind;
	uint8_t port;
	bool tunnel_end;    // ADJACENCY_LOCAL: an outer address of tunnels
	uint16_t mtu;	    // ADJACENCY_FORWARD: of the port, or less where the route says so
	uint8_t ether[12];  // ADJACENCY_FORWARD: destination and source address of the frame
	struct ip_addr via; // the neighbour asked for; family IP_NONE: the packet's destination
};

// A packet that goes there is the host's, or nobody's to forward.
static ALWAYS_INLINE bool adjacency_is_local(const struct adjacency *adjacency)
{
	return adjacency->kind == ADJACENCY_LOCAL || adjacency->kind == ADJACENCY_MULTICAST;
}

// Input of a build.
struct fwd_route {
	struct ip_prefix prefix;
	uint8_t kind; // NO_ROUTE to MULTICAST, LINK; FORWARD: through the gateway
	uint8_t port;
	bool tunnel_end;	// of LOCAL: an outer address of tunnels
	struct ip_addr gateway; // of FORWARD; of either family, whatever the prefix's
	uint16_t mtu;		// of LINK and FORWARD; 0: the port's
};

struct fwd_neighbour {
	struct ip_addr addr;
	uint8_t port;
	bool failed; // else usable
	struct rte_ether_addr mac;
};

// Routes as lookup structures. Counted: several tables may share one set of routes.
struct fwd_routes;
struct fwd;

// Two routes for one prefix: the first wins. n may be 0.
int fwd_routes_build(const struct fwd_route *routes, unsigned n, int socket,
	struct fwd_routes **built, struct error *err);
void fwd_routes_put(struct fwd_routes *routes);

// Takes a reference of its own on routes. ports: for MAC addresses and MTUs, indexed by port.
int fwd_build(struct fwd_routes *routes, const struct fwd_neighbour *neighbours, unsigned n,
	const struct port *ports, struct fwd **built, struct error *err);
void fwd_free(struct fwd *fwd);

// For packets first .. first+n-1, which begin with their IP header: where each goes by its
// destination. n <= BURST_MAX. No result is NULL or of kind ADJACENCY_LINK.
void fwd_lookup(const struct fwd *fwd, const struct burst *b, uint16_t first, uint16_t n,
	const struct adjacency *result[]);
// The same for one address.
const struct adjacency *fwd_lookup_addr(const struct fwd *fwd, const struct ip_addr *addr);
// What the link towards this address takes, whether the next hop is known or not. 0: no link leads
// there.
uint16_t fwd_mtu(const struct fwd *fwd, const struct ip_addr *addr);
// At this port the neighbour with this address is usable, and this is its link address.
bool fwd_knows(const struct fwd *fwd, uint8_t port, const struct ip_addr *addr,
	const uint8_t mac[RTE_ETHER_ADDR_LEN]);
