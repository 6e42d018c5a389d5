// What tunnels take: no more than the configuration says, than the link takes that the route to the
// other end leads to, and than routers on the way say (path MTU discovery: RFC 1191, RFC 8201, RFC
// 4301 section 8.2). What these say of our tunnel packets is weighed and, if believed, counts for a
// while. Belongs to the control thread.
#pragma once

#include <stdint.h>

struct fwd;
struct gateway;
struct path_mtu;
struct rte_mbuf;
struct tunnel;

// What became of the messages: a row gives the counter and its name. `heard` are all; `malformed`
// have a wrong checksum; `limited` are more than may be guesses, `unknown_tunnel` about addresses
// of no tunnel, `not_sent` about a packet that its SA has not sent lately; `not_lower` than what
// the tunnel takes or than the packet was; `too_small` under what IPv6 asks of every link;
// `switched_off` for this tunnel. `restored` are tunnels that tried again, `rerouted` those that
// take less or more by their routes.
// clang-format off
#define PATH_MTU_COUNTERS(X) \
	X(heard) \
	X(lowered) \
	X(restored) \
	X(rerouted) \
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

// Uses the gateway's tunnels and SAs. 0 or -errno.
int path_mtu_create(struct gateway *gateway, struct path_mtu **created);
// NULL is fine.
void path_mtu_destroy(struct path_mtu *path_mtu);

// Tunnels came or went, or their ends are others. None that is gone is touched afterwards, with an
// error neither: then no message is believed. 0 or -ENOMEM.
int path_mtu_sort(struct path_mtu *path_mtu);

// m: an IP packet, META_PATH_MTU; stays the caller's.
void path_mtu_hear(struct path_mtu *path_mtu, const struct rte_mbuf *m, uint64_t now_ms);
// What routers said of tunnels more than ten minutes ago is forgotten.
void path_mtu_age(struct path_mtu *path_mtu, uint64_t now_ms);

// These routes are about to be published, and then have been: tunnels that are to take less do so
// before anything goes by them, those that may take more when nothing goes by others.
void path_mtu_before_routes(struct path_mtu *path_mtu, const struct fwd *fwd);
void path_mtu_after_routes(struct path_mtu *path_mtu, const struct fwd *fwd);

const struct path_mtu_stats *path_mtu_stats(const struct path_mtu *path_mtu);
