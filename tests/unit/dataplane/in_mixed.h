// Bursts of everything at once: the model of what must come of them, shared by the kinds of frames
// and the test.
#pragma once

#include "fixture.h"

#include "dataplane/punt.h"

#define TUNNELS 6
#define KEPT 16 // sealed packets kept per tunnel, to be replayed

struct item {
	uint32_t octets;
	uint8_t data[PACKET_MAX];
	const char *neighbour;
	enum meta_kind kind;
	uint8_t port;
};

struct list {
	unsigned n;
	struct item item[BURST_MAX];
};

struct model {
	struct lab *lab;
	struct random random;
	uint64_t number;
	struct rte_mbuf *kept[TUNNELS][KEPT];
	struct list out_tunnel;
	struct list out_clear;
	// In the order in which control takes them.
	struct list punt_classify;
	struct list punt_clear;
	struct list unresolved;
	struct list told;
};

extern const struct lab_tunnel_params mixed_tunnels[TUNNELS];

// One frame of a kind, for or around this tunnel, and what it changes in the model.
#define MIXED_KINDS 22
extern void (*const mixed_kinds[MIXED_KINDS])(struct model *m, unsigned tunnel);
