// A worker's memory of flows: what the policies and routes say about packets with these addresses,
// protocol and ports is asked once and not for every packet. Forgotten as a whole whenever a table
// changes.
#pragma once

#include "dataplane/spd.h"

struct worker;
struct flow_cache;

#define FLOWS_MIN 64
#define FLOWS_MAX 1048576

// flows: a power of two from FLOWS_MIN to FLOWS_MAX; 0: none are remembered, *created is NULL. 0 or
// -errno.
int flow_cache_create(unsigned flows, int socket, struct flow_cache **created);
void flow_cache_destroy(struct flow_cache *cache);

// What is known of all packets of a burst together; false where it is not.
struct flow_all {
	bool forwardable; // for somebody else, from addresses that may be forwarded, in frames to
			  // one station
	bool one_policy;  // they meet the same
	bool one_hop;	  // they go to the same
};

// For every packet of b, which begins with its IP header: match, as spd_lookup says, and next, as
// fwd_lookup says of its destination. plain: the caller knows that there are some, and that all are
// IPv4's, without options, no fragments, in frames to one station.
struct flow_all flow_lookup(
	struct worker *w, enum spd_direction direction, struct burst *b, bool plain);
