// The security association database: SAs and tunnels as the control thread keeps them, and the
// table by which workers find the SA of a packet from the wire.
#pragma once

#include "proto/proto.h"
#include "proto/tcp_mss.h"

#include <stdatomic.h>

#define TUNNEL_NAME 32
#define SA_NAME 48

// Octets that the outer packets of a tunnel may have, by who says so; UINT16_MAX: nobody does.
struct tunnel_limits {
	uint16_t configured;
	uint16_t link;	  // that the route leads to; without a route, the last one
	uint16_t learned; // from routers
	uint64_t learned_ms;
};

struct probe;

// One peer: the SA that packets to it leave by can be exchanged while workers look at it.
struct tunnel {
	char name[TUNNEL_NAME];
	uint16_t index;
	struct tcp_mss mss;	    // of what goes in and what comes out
	struct sa_out *_Atomic out; // control writes (release), workers read (acquire); may be NULL
	// Control's own.
	uint8_t port;
	struct ip_addr local; // of its outbound SA, if it has one
	struct ip_addr remote;
	const struct proto_ops *proto; // of its SAs; NULL: it has none
	uint16_t tcp_mss;	       // what is asked for; 0: nothing, UINT16_MAX: what fits
	struct tunnel_limits limits;
	uint16_t path_mtu; // the least of them
	bool pmtu_discovery;
	struct probe *probe;  // ctl/liveness.h; NULL: nobody looks whether the other end lives
	uint64_t acquired_ms; // when the want of an SA was last told
	uint64_t moved_ms;    // when a new address of the peer was
	uint64_t moved_seq;   // by a packet with this number
	uint32_t moved_spi;
	bool published; // workers may know of it
	bool named;	// while those are looked for that nobody names any more
};

// The control view of an SA. The body, which owns key, lanes and windows, may be shared by several
// that came one after the other with the same key: numbers used and seen go on.
struct sa {
	char name[SA_NAME]; // "site-b out"
	bool inbound;
	struct sa_params params;
	struct tunnel *tunnel;
	struct aead_key *key;
	struct sa_in *in; // one of the two
	struct sa_out *out;
	struct sa *body; // itself, but for those that sa_move made
	// Control's own.
	uint64_t serial; // no other SA has or had it; later ones have larger ones
	uint16_t owner;
	uint64_t born_ms; // CLOCK_MONOTONIC; of the body
	bool soft_told;
	bool numbers_told;
	bool expired;	// of the body: its life is over, nobody sends or receives by it
	unsigned users; // of the body: itself and those that came after it
	uint32_t moves; // of the body: how many ever came after it
	// Told of the body when the last of them goes: no worker sees its lanes and windows any
	// more, and they are still there. NULL: nobody.
	void (*ends)(void *listener, const struct sa *body);
	void *listener;
	bool published; // workers may know of it
	bool named;	// while those are looked for that nobody names any more
};

struct sa_place {
	const struct sa_workers *workers;
	struct window_pool *windows;
	int socket;
	uint16_t path_mtu;
};

// Makes the runtime part and expands the key (aead_key_octets, stays the caller's). 0 or -errno.
int sa_create(const char *name, bool inbound, const struct sa_params *params, const uint8_t *key,
	const struct aead_engine *engine, struct tunnel *tunnel, const struct sa_place *place,
	struct sa **created, struct error *err);
// One that goes on with the key, the counters and the windows of `from`; params may differ from its
// in addresses, SPI, Sender ID and class. Either may be destroyed first. 0 or -errno.
int sa_move(struct sa *from, const char *name, const struct sa_params *params,
	struct tunnel *tunnel, const struct sa_place *place, struct sa **created,
	struct error *err);
// No worker may still see it. Wipes the key with the last one that uses it. NULL is fine.
void sa_destroy(struct sa *sa);

struct sadb;

// n inbound runtime parts, no two with the same protocol, SPI and local address.
int sadb_build(struct sa_in *const *sas, unsigned n, const struct proto_table *protos, int socket,
	struct sadb **built, struct error *err);
// So many more than it has; sadb_extend makes one that has them too, of the same protocols. None of
// those that it has may be gone.
bool sadb_has_room(const struct sadb *sadb, unsigned n);
int sadb_extend(const struct sadb *sadb, struct sa_in *const *sas, unsigned n, int socket,
	struct sadb **built, struct error *err);
void sadb_free(struct sadb *sadb);

// The protocol of a tunnel packet, known or not; NULL: too short for its SPI.
const struct proto_ops *sadb_proto(const struct sadb *sadb, const struct rte_mbuf *m, uint16_t l4);

// The SA of a packet that begins with its outer IP header; NULL: none. l4: octets of that.
const struct sa_in *sadb_find(const struct sadb *sadb, const struct rte_mbuf *m, uint16_t l4);

// Some inbound SA has the addresses of this IP header, its destination as local and its source as
// remote.
bool sadb_has_peer(const struct sadb *sadb, const uint8_t *header);

// The SA that the packet would be of, had it come from the SA's peer. NULL: none, or it has.
struct sa_in *sadb_find_elsewhere(const struct sadb *sadb, const struct rte_mbuf *m, uint16_t l4);

// The SA that was found last, and by what, in the octets' own order: the same finds the same in one
// table.
struct sadb_last {
	struct sa_in *sa; // NULL: none, or not over IPv4
	uint64_t addresses;
	uint32_t octets; // to the SPI's end
	uint32_t spi;
	uint16_t block;
};

// For every packet of b, which begins with its outer IP header: result[] is the SA or NULL, and
// then the burst's verdict says why: runt, no_sa, sa_outer_address. last: the caller's, from call
// to call, for this table; zero at first. plain: the caller knows that all are IPv4's, without
// options. True: there are some, and all have one and the same SA. False: perhaps not.
bool sadb_lookup(const struct sadb *sadb, struct burst *b, struct sa_in *result[],
	struct sadb_last *last, bool plain);
