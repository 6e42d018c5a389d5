// Packets whose next hop has no link address yet: the kernel is asked for the neighbour, and the
// newest packet for each is kept until it is known (RFC 1122 section 2.3.2.2). Fixed memory;
// belongs to the control thread.
#pragma once

#include "base/error.h"

#include <stdint.h>

struct dataplane;
struct icmp;
struct mirror;
struct rte_mbuf;
struct unresolved;

struct unresolved_stats {
	uint64_t packets;  // that came
	uint64_t kept;	   // now
	uint64_t resumed;  // went on
	uint64_t replaced; // dropped for a newer one
	uint64_t expired;  // dropped because nobody answered in time
	uint64_t failed;   // dropped because the kernel says that nobody answers
	uint64_t homeless; // dropped because the port has no host interface to ask by
};

// dp, mirror and icmp outlive it. 0 or -errno.
int unresolved_create(struct dataplane *dp, struct mirror *mirror, struct icmp *icmp,
	struct unresolved **created);
// NULL is fine. Frees what is kept.
void unresolved_destroy(struct unresolved *unresolved);

// A packet that came as META_UNRESOLVED. Takes the mbuf.
void unresolved_take(struct unresolved *unresolved, struct rte_mbuf *m, uint64_t now_ms);
// Gives back to the workers what can go on, drops what has waited too long. To be called every few
// milliseconds; does nothing while nothing has changed. now_ms: see limiter_now_ms.
void unresolved_look(struct unresolved *unresolved, uint64_t now_ms);

const struct unresolved_stats *unresolved_stats(const struct unresolved *unresolved);
