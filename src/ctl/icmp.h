// What the gateway tells the senders of packets that cannot go on. Belongs to the control thread.
#pragma once

#include "ctl/icmp_message.h"

#include <stdint.h>

struct dataplane;
struct icmp;
struct mirror;
struct rte_mbuf;

// To one sender: so many at once, then one each interval; the same over all senders.
#define ICMP_BURST 20
#define ICMP_INTERVAL_MS 100
#define ICMP_TOTAL_BURST 100
#define ICMP_TOTAL_INTERVAL_MS 1

struct icmp_stats {
	uint64_t sent;
	uint64_t limited;
	uint64_t suppressed; // nobody may be told
	uint64_t no_source;  // the gateway has no address to speak from
	uint64_t no_buffer;  // or no room on the way to the workers
};

// dp and mirror outlive it. 0 or -errno.
int icmp_create(struct dataplane *dp, struct mirror *mirror, struct icmp **created);
// NULL is fine.
void icmp_destroy(struct icmp *icmp);

// m: the IP packet that arrived at this port and cannot go on; stays the caller's. mtu: of
// ICMP_too_big.
void icmp_answer(struct icmp *icmp, enum icmp_kind kind, const struct rte_mbuf *m, uint8_t port,
	uint32_t mtu);

const struct icmp_stats *icmp_stats(const struct icmp *icmp, enum icmp_kind kind);
