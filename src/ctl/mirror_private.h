// The mirror's parts among themselves. Nobody outside mirror*.c includes this.
#pragma once

#include "ctl/mirror.h"
#include "ctl/netlink.h"

struct limiter;

// Routes of both families, sorted, one per prefix. No padding: compared as octets.
struct mirror_routes {
	unsigned n;
	struct fwd_route *route;
};

struct mirror_neighbour {
	struct fwd_neighbour entry; // address family IP_NONE: a free place
	bool present;		    // usable or failed; else only its place in the table is taken
};

// Open addressing; at most half full. Places of absent entries are reused when it grows.
struct mirror_neighbours {
	uint32_t mask;
	uint32_t taken;
	uint32_t present;
	struct mirror_neighbour *slot;
};

// An address on one of our host interfaces.
struct mirror_address {
	struct ip_prefix prefix; // host bits kept
	uint8_t port;
	bool global;
};

struct mirror_addresses {
	unsigned n;
	unsigned room;
	struct mirror_address *address;
};

struct mirror {
	// Constant.
	unsigned ports;
	struct mirror_port port[PORTS_MAX];
	unsigned locals;
	struct mirror_local *local;
	struct mirror_sink sink;
	// What was read.
	struct mirror_routes routes;
	struct mirror_neighbours neighbours;
	struct mirror_addresses addresses;
	// Where we stand.
	bool read_routes; // something changed: read again
	bool read_neighbours;
	bool read_addresses;
	bool routes_changed; // since the last publication
	bool neighbours_changed;
	bool told_failure;
	uint64_t routes_try_ms;	  // when routes that the sink refused are offered again
	unsigned routes_pause_ms; // until the time after that
	unsigned pause_ms;	  // until the changes gathered now are looked at
	struct mnl_socket *socket;
	struct event *readable;
	struct event *gathered;
	struct event *retry;
	struct limiter *resolves;
	struct mirror_stats stats;
};

// -1: not one of our host interfaces.
int mirror_port_of(const struct mirror *mirror, unsigned ifindex);

// Each replaces what was read before; on an error it is kept. 0 or -errno.
int mirror_routes_read(struct mirror *mirror);
int mirror_neighbours_read(struct mirror *mirror);
int mirror_addresses_read(struct mirror *mirror);

// The routes are others than those of the last publication, to be offered at once.
void mirror_routes_new(struct mirror *mirror);
// They are to be offered now: a refusal puts them off.
bool mirror_routes_due(const struct mirror *mirror);
// Hands on what changed; neighbours alone where the routes are refused. 0, or -errno with err
// filled.
int mirror_publish(struct mirror *mirror, struct error *err);
// Logs the first failure and the end of them.
void mirror_tell(struct mirror *mirror, int ret, const struct error *err);

// A change of one neighbour (RTM_NEWNEIGH, RTM_DELNEIGH). 0 or -ENOMEM.
int mirror_neighbour_change(struct mirror *mirror, const struct nlmsghdr *message);
// All that are present; the caller frees the array. 0 or -ENOMEM.
int mirror_neighbours_list(const struct mirror *mirror, struct fwd_neighbour **list);
