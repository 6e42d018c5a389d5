// Path MTU discovery for tunnels (RFC 1191, RFC 8201, RFC 4301 section 8.2): what routers on the
// way say of our tunnel packets is weighed and, if believed, lowers what the tunnel takes; after a
// while without news the tunnel tries again. Belongs to the control thread.
#pragma once

#include <stdint.h>

struct gateway;
struct path_mtu;
struct rte_mbuf;
struct tunnel;

// What became of the messages: a row gives the counter and its name. `heard` are all; `malformed`
// have a wrong checksum; `limited` are more than may be guesses, `unknown_tunnel` about addresses
// of no tunnel, `not_sent` about a packet that its SA has not sent lately; `not_lower` than what
// the tunnel takes or than the packet was; `too_small` under what IPv6 asks of every link;
// `switched_off` for this tunnel. `restored` are tunnels that tried again.
// clang-format off
#define PATH_MTU_COUNTERS(X) \
	X(heard) \
	X(lowered) \
	X(restored) \
	X(limited) \
	X(malformed) \
	X(unknown_tunnel) \
	X(not_sent) \
	X(not_lower) \
	X(too_small) \
	X(switched_off)
// clang-format on

struct path_mtu_stats {
#define X(id) uint64_t id;
	PATH_MTU_COUNTERS(X)
#undef X
};

// Smaller path MTUs are not believed of IPv4 (RFC 1191 section 3 has 68; no link of today is that
// small, and who can forge messages can do no more harm than this).
#define PATH_MTU_MIN4 576

// The gateway's tunnels, SAs and configuration outlive it. 0 or -errno.
int path_mtu_create(struct gateway *gateway, struct path_mtu **created);
// NULL is fine.
void path_mtu_destroy(struct path_mtu *path_mtu);

// m: an IP packet, META_PATH_MTU; stays the caller's.
void path_mtu_hear(struct path_mtu *path_mtu, const struct rte_mbuf *m, uint64_t now_ms);
// Tunnels that have not been lowered for ten minutes try what their mtu allows.
void path_mtu_age(struct path_mtu *path_mtu, uint64_t now_ms);

const struct path_mtu_stats *path_mtu_stats(const struct path_mtu *path_mtu);
