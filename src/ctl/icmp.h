// What the gateway tells the senders of packets that cannot go on. Belongs to the control thread.
#pragma once

#include "ctl/icmp_message.h"

#include <stdint.h>

struct gateway;
struct icmp;
struct rte_mbuf;

struct icmp_stats {
	uint64_t sent;
	uint64_t limited;
	uint64_t suppressed; // nobody may be told
	uint64_t no_source;  // the gateway has no address to speak from
	uint64_t no_buffer;  // or no room on the way to the workers
};

// Uses the gateway's config, dp, mirror, host_if and tunnel, which outlive it. 0 or -errno.
int icmp_create(const struct gateway *gateway, struct icmp **created);
// NULL is fine.
void icmp_destroy(struct icmp *icmp);

// m: an IP packet that cannot go on, with the meta of META_TELL or META_UNRESOLVED; stays the
// caller's. false: nobody is told of packets that are dropped for its reason.
bool icmp_answer(struct icmp *icmp, struct rte_mbuf *m);

const struct icmp_stats *icmp_stats(const struct icmp *icmp, enum icmp_kind kind);
