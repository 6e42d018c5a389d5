// Reassembly of tunnel packets that were fragmented on their way. Each worker that polls an
// unprotected port has a table of fixed size; a datagram that is not whole waits in one buffer, the
// one that its first fragment came in.
#pragma once

#include "dataplane/meta.h"

// Datagrams that can wait at a time, each for so long.
#define REASSEMBLY_ENTRIES 128
#define REASSEMBLY_MS 1000

struct reassembly;
struct worker;

struct reassembly *reassembly_create(int socket);
// Frees what waits, uncounted. NULL is fine.
void reassembly_destroy(struct reassembly *table);

// Takes m, a fragment with its whole IP header, of IPv6 with its fragment header right behind that.
// now: TSC. Returns the datagram where this fragment made it whole, and says in packet what it is.
struct rte_mbuf *reassembly_add(
	struct worker *w, struct rte_mbuf *m, struct packet *packet, uint64_t now);
// Drops what has waited too long.
void reassembly_expire(struct worker *w, uint64_t now);
