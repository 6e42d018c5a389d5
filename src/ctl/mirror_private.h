// The mirror's parts among themselves. Nobody outside mirror*.c includes this.
#pragma once

#include "base/addr_hash.h"
#include "ctl/mirror.h"
#include "ctl/netlink.h"

struct limiter;
struct rtmsg;

// Routes of both families, sorted, one per prefix. No padding: compared as octets.
struct mirror_routes {
	unsigned n;
	struct fwd_route *route;
	bool has_length[2][129]; // IPv4, IPv6: is there a prefix of this length?
};

struct mirror_neighbour {
	struct fwd_neighbour entry; // address family IP_NONE: a free place
	bool present;		    // usable or failed: forwarding sees it
	bool managed;		    // the kernel keeps it alive by itself
	bool stale;		    // usable, and to be looked for
	bool fixed;		    // the configuration's: what the kernel says does not count
	bool installed;		    // fixed, and the kernel has it so
	uint64_t grace_ms;	    // the kernel has taken it away, and it counts until then; or 0
};

// Open addressing; at most half full. Places of entries that are gone are reused when it grows.
struct mirror_neighbours {
	struct addr_hash hash;
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

// A neighbour that is kept alive. No padding: compared as octets.
struct mirror_hop_key {
	struct ip_addr addr;
	uint8_t port;
};

struct mirror_hop {
	struct mirror_hop_key key; // first
	bool refused;		   // the kernel does not manage it
	uint64_t asked_ms;
};

// Sorted.
struct mirror_hops {
	unsigned n;
	unsigned left_out;
	struct mirror_hop *hop;
};

// A route of the main table, whatever it leads by.
struct mirror_way {
	struct ip_prefix prefix; // first
	uint32_t priority;
	uint32_t order;
	unsigned elsewhere; // the interface, if it is none of our host interfaces; else 0
};

struct mirror_ways {
	unsigned n;
	unsigned room;
	struct mirror_way *way;
};

// What some policy protects, as a destination.
struct mirror_protected {
	struct ip_prefix prefix; // first
	unsigned told;		 // the interface elsewhere that was told of; 0: there is none
};

struct mirror {
	// Constant.
	unsigned ports;
	struct mirror_port port[PORTS_MAX];
	unsigned fixed;
	struct fwd_neighbour *fixed_neighbour;
	mirror_send *send;
	struct mirror_sink sink;
	// What we were told.
	unsigned locals;
	struct mirror_local *local;
	unsigned remotes;
	struct ip_addr *remote;
	unsigned protects;
	struct mirror_protected *protect; // sorted, each once
	// What was read.
	struct mirror_routes routes;
	struct mirror_neighbours neighbours;
	struct mirror_addresses addresses;
	struct mirror_hops hops;
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
	struct event *tick;
	struct limiter *resolves;
	struct mirror_stats stats;
};

// -1: not one of our host interfaces.
int mirror_port_of(const struct mirror *mirror, unsigned ifindex);

// 0: this port has no host interface.
unsigned mirror_ifindex_of(const struct mirror *mirror, uint8_t port);

// Each replaces what was read before; on an error it is kept. 0 or -errno.
int mirror_routes_read(struct mirror *mirror);
int mirror_neighbours_read(struct mirror *mirror);
int mirror_addresses_read(struct mirror *mirror);

// Collects the main table's routes; a: the message's attributes. 0 or -ENOMEM.
int mirror_ways_add(const struct mirror *mirror, struct mirror_ways *ways,
	const struct ip_prefix *prefix, const struct rtmsg *rtm, const struct nlattr *const a[]);
// All of them are there: logs which lead to protected prefixes elsewhere, and have not before.
void mirror_ways_tell(struct mirror *mirror, struct mirror_ways *ways);
// These prefixes are protected from now on. 1: others than before; 0: the same; or -ENOMEM.
int mirror_ways_protect(struct mirror *mirror, const struct ip_prefix *prefix, unsigned n);

// The longest prefix around addr, or NULL.
const struct fwd_route *mirror_route_of(const struct mirror *mirror, const struct ip_addr *addr);

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
// Gives the kernel those of the configuration's that it has not, or not so.
void mirror_neighbours_install(struct mirror *mirror);
bool mirror_neighbour_fixed(const struct mirror *mirror, uint8_t port, const struct ip_addr *addr);
bool mirror_neighbour_managed(
	const struct mirror *mirror, uint8_t port, const struct ip_addr *addr);

// The routes have changed: which next hops are kept alive. 0 or -ENOMEM.
int mirror_keep_routes(struct mirror *mirror);
// The kernel doubts a neighbour / has deleted one / has refused a request. usable: to its last, and
// found out by the kernel itself.
void mirror_keep_stale(struct mirror *mirror, struct mirror_neighbour *n);
void mirror_keep_deleted(struct mirror *mirror, const struct fwd_neighbour *n, bool usable);
void mirror_keep_refused(struct mirror *mirror, const struct nlmsghdr *message);
// Whether the neighbour is a next hop, or on the link by the routes of now.
bool mirror_keep_uses(const struct mirror *mirror, uint8_t port, const struct ip_addr *addr);
// Has the kernel look for it, as what it is.
void mirror_keep_ask(struct mirror *mirror, uint8_t port, const struct ip_addr *addr);
// Once a second.
void mirror_keep_tick(struct mirror *mirror);

// The kernel has this neighbour no longer, and does not say that it fails. False: nor have we.
bool mirror_grace_begin(const struct mirror *mirror, struct mirror_neighbour *n);
// Once a second.
void mirror_grace_tick(struct mirror *mirror);
// The routes have changed.
void mirror_grace_routes(struct mirror *mirror);
// A link has changed: nothing known there outlives the reading that follows.
void mirror_grace_link(struct mirror *mirror, uint8_t port);

// Requests to the kernel. False: it could not be sent.
bool mirror_ask_use(struct mirror *mirror, uint8_t port, const struct ip_addr *addr, bool managed);
bool mirror_ask_restore(struct mirror *mirror, const struct fwd_neighbour *n);
bool mirror_ask_permanent(struct mirror *mirror, const struct fwd_neighbour *n);
// Whether this error is the kernel's refusal to manage a neighbour, and which.
bool mirror_ask_refused(const struct mirror *mirror, const struct nlmsghdr *message, uint8_t *port,
	struct ip_addr *addr);
