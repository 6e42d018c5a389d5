// The security association database: SAs and tunnels as the control thread keeps them, and the
// table by which workers find the SA of a packet from the wire.
#pragma once

#include "proto/proto.h"
#include "proto/tcp_mss.h"

#include <stdatomic.h>

#define TUNNEL_NAME 32
#define SA_NAME 48

// One peer: the SA that packets to it leave by can be exchanged while workers look at it.
struct tunnel {
	char name[TUNNEL_NAME];
	uint16_t index;
	uint8_t port;
	struct ip_addr local;
	struct ip_addr remote;
	struct tcp_mss mss;	    // of what goes in and what comes out
	uint16_t path_mtu;	    // control's own: octets that its outer packets may have now
	struct sa_out *_Atomic out; // control writes (release), workers read (acquire); may be NULL
};

// The control view of an SA. Owns its key and its runtime part.
struct sa {
	char name[SA_NAME]; // "site-b out"
	bool inbound;
	struct sa_params params;
	struct tunnel *tunnel;
	struct aead_key *key;
	struct sa_in *in; // one of the two
	struct sa_out *out;
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
// No worker may still see it. Wipes the key. NULL is fine.
void sa_destroy(struct sa *sa);

struct sadb;

// n inbound runtime parts, no two with the same protocol, SPI and local address.
int sadb_build(struct sa_in *const *sas, unsigned n, const struct proto_table *protos, int socket,
	struct sadb **built, struct error *err);
void sadb_free(struct sadb *sadb);

// The protocol of a tunnel packet, known or not; NULL: too short for its SPI.
const struct proto_ops *sadb_proto(const struct sadb *sadb, const struct rte_mbuf *m, uint16_t l4);

// Some inbound SA has the addresses of this IP header, its destination as local and its source as
// remote.
bool sadb_has_peer(const struct sadb *sadb, const uint8_t *header);

// For packets first .. first+n-1, which begin with their outer IP header: result[0..n-1] is the SA
// or NULL, and then the burst's verdict says why: runt, no_sa, sa_outer_address.
void sadb_lookup(const struct sadb *sadb, struct burst *b, uint16_t first, uint16_t n,
	struct sa_in *result[]);
