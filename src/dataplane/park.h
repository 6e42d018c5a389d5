// Authenticated packets that wait in their window's worker until control has made its edge durable
// and raised it. Bounded in number and time.
#pragma once

#include "proto/burst.h"

#define PARK_MAX 512

struct sa_in;
struct sadb;
struct worker;

// The worker's own, in the order in which they came. It keeps no hold on an SA: the pointer in a
// packet's meta is only compared.
struct park {
	uint16_t n;
	uint64_t epoch; // of the data plane's edges when these were looked at
	// That their SAs were in: one that leaves it is freed, and its memory may become another's.
	const struct sadb *sadb;
	struct parked {
		struct rte_mbuf *m;
		uint64_t since; // TSC
	} packet[PARK_MAX];
};

// Takes packet i of the burst, its outer header still in front.
void park_packet(struct worker *w, struct sa_in *sa, const struct burst *b, uint16_t i);
// Judges them again if edges were raised or SAs exchanged meanwhile. Returns how many that were.
unsigned park_retry(struct worker *w);
// Drops those that have waited for too long.
void park_expire(struct worker *w, uint64_t now);
// Frees them, when the worker has ended.
void park_free(struct worker *w);
