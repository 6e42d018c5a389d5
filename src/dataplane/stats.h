// What workers count. Each worker writes its own, on its own cache lines; control sums them up.
#pragma once

#include "base/counter.h"
#include "dataplane/port.h"
#include "proto/drop.h"

#include <stdalign.h>
#include <stdint.h>

// Classes of traffic for the host's kernel, in the order in which control takes what waits, with
// the packets a second that one worker gives it of one port unless configured otherwise. Neighbour:
// ARP and neighbour discovery of stations that are known; newcomer: of others, who may be made up;
// ike_peer: UDP 500 and 4500 from the other end of a tunnel; ike: from others; probe: ICMP echo and
// its answers out of a tunnel, from an inner address by which a tunnel is probed; routing: BGP,
// OSPF, BFD, VRRP and their like; membership: IGMP, MLD, which nothing proves to come from the
// link; path_mtu: ICMP errors about the tunnels' packets, which control reads instead; icmp and
// other: to the gateway.
// clang-format off
#define PUNT_CLASSES(X) \
	X(neighbour,  4000) \
	X(newcomer,   1000) \
	X(ike_peer,   1000) \
	X(ike,        1000) \
	X(probe,      4000) \
	X(routing,    20000) \
	X(membership, 1000) \
	X(path_mtu,   4000) \
	X(icmp,       4000) \
	X(other,      20000)
// clang-format on

enum punt_class {
#define X(id, per_second) PUNT_##id,
	PUNT_CLASSES(X)
#undef X
		PUNT_CLASS_COUNT
};

// The queues to control: one of each class, then what control is asked to act upon.
enum punt_request {
	PUNT_UNRESOLVED = PUNT_CLASS_COUNT, // neighbours to be found
	PUNT_TELL,			    // senders to be told
	PUNT_QUEUES
};

const char *punt_class_name(enum punt_class class);

struct port_stats {
	alignas(CACHE_LINE) uint64_t rx_packets;
	uint64_t rx_octets; // frames, without FCS
	uint64_t rx_full; // bursts that held as many packets as they may: more was waiting, perhaps
	uint64_t tx_packets;
	uint64_t tx_octets;
	uint64_t punts[PUNT_CLASS_COUNT];	  // to the kernel
	uint64_t punts_refused[PUNT_CLASS_COUNT]; // over the class's limits, or no room
	uint64_t untold; // packets of which control was not told: too many, or no room
	uint64_t injected;
	uint64_t fragmented;  // packets that were split
	uint64_t reassembled; // tunnel packets put together
	// Of packets that arrived at this port; of those that were to be sent by it: tx_full,
	// tx_ring_full, no_room where the frame's header found none, and all of the host's own.
	uint64_t drops[DROP_REASONS];
};

struct worker_stats {
	alignas(CACHE_LINE) uint64_t turns;
	uint64_t busy_turns;  // that found at least one packet
	uint64_t busy_cycles; // TSC, of busy turns
	uint64_t idle_cycles; // of the others, rest included
	uint64_t ring_high;   // most packets that waited in a ring from one other worker
	uint64_t handed_out;  // authenticated packets given to the owner of their window
	uint64_t handed_in;   // taken over
	uint64_t encap_out;   // clear packets given to the worker that encrypts for their SA
	uint64_t encap_in;
	uint64_t parked;      // packets that had to wait for the journal, or would have
	uint64_t flow_misses; // packets whose flow was not remembered
	struct port_stats port[PORTS_MAX];
};
