// The kernel's addresses, routes and neighbours, as far as they concern our host interfaces: read
// once, followed through netlink, and handed on as the input of a forwarding table. Belongs to the
// control thread.
#pragma once

#include "base/addr.h"
#include "base/error.h"
#include "dataplane/fwd.h"

struct event_base;
struct gateway;
struct mirror;

// What the kernel says now. Belongs to the mirror; valid during the call.
struct mirror_view {
	const struct fwd_route *route; // one per prefix
	unsigned routes;
	bool routes_changed; // since the last view that was taken
	const struct fwd_neighbour *neighbour;
	unsigned neighbours;
};

// Who gets it. publish: 0, or -errno with err filled and the view before still in force; routes
// that it refuses come again later, the neighbours at once without them. close: once, when the
// mirror goes, or could not be created; may be NULL.
struct mirror_sink {
	int (*publish)(void *arg, const struct mirror_view *view, struct error *err);
	void (*close)(void *arg);
	void *arg;
};

// A sink that builds forwarding tables and publishes them to the workers; what tunnels take follows
// the routes. Uses the gateway's dp and path_mtu, which outlive it. 0 or -errno.
int mirror_sink_gateway(const struct gateway *gateway, struct mirror_sink *sink);

struct mirror_port {
	uint8_t port;
	unsigned ifindex; // of its host interface
};

// An address that is the gateway's although the kernel may not have it: a tunnel's outer one.
struct mirror_local {
	struct ip_addr addr;
	uint8_t port;
};

// How requests reach the kernel: mnl_socket_sendto, or something that stands in for it.
struct mnl_socket;
typedef ssize_t mirror_send(const struct mnl_socket *socket, const void *message, size_t octets);

struct mirror_params {
	struct event_base *events;
	unsigned ports;
	const struct mirror_port *port; // [ports], at most PORTS_MAX
	unsigned locals;
	const struct mirror_local *local; // [locals]
	unsigned remotes;
	const struct ip_addr *remote; // [remotes]: ends of tunnels
	unsigned fixed;
	const struct fwd_neighbour *fixed_neighbour; // [fixed]: win over the kernel's
	unsigned protects;
	const struct ip_prefix *protect; // [protects]: kernel routes there by others are told of
	mirror_send *send;		 // NULL: mnl_socket_sendto
	struct mirror_sink sink;
};

struct mirror_stats {
	uint64_t changes;  // that netlink told us of
	uint64_t overruns; // changes lost on the way; everything was read again
	uint64_t publications;
	uint64_t failures; // to read, to publish or to ask
	uint64_t resolves; // neighbours that the kernel was asked for
	uint64_t resolves_limited;
	uint64_t probes;   // neighbours that the kernel doubted, and was asked to look for
	uint64_t restores; // neighbours that the kernel had collected while they were in use
	uint64_t routes;
	uint64_t neighbours;
	uint64_t next_hops; // kept alive
	uint64_t managed;   // of them: by the kernel itself
};

// Copies the parameters, reads everything and publishes it before it returns; then follows. 0 or
// -errno; the sink is closed on an error.
int mirror_create(const struct mirror_params *params, struct mirror **created, struct error *err);
// NULL is fine.
void mirror_destroy(struct mirror *mirror);

// The ends of tunnels are these from now on; what follows from it is published within milliseconds.
// Copies both. 0 or -ENOMEM, and nothing has changed.
int mirror_set_ends(struct mirror *mirror, const struct mirror_local *local, unsigned locals,
	const struct ip_addr *remote, unsigned remotes);

// Policies protect these destinations from now on: kernel routes there are looked at again. 0 or
// -ENOMEM, and nothing has changed.
int mirror_set_protected(struct mirror *mirror, const struct ip_prefix *prefix, unsigned n);

// Asks the kernel to find out a neighbour's link address; the answer comes as a change. At most
// once per address and second. false: it cannot be asked, for want of a host interface at the port.
bool mirror_resolve(struct mirror *mirror, uint8_t port, const struct ip_addr *addr);

// Says of an address of the gateway's whether it may be the source.
typedef bool mirror_fits(void *arg, const struct ip_addr *addr);

// The gateway's own address to speak to `near` from, at this port: a global one, in the longest
// prefix around near if there is one; else one of another port; of those that fit (NULL: all).
// false: the gateway has none.
bool mirror_source(const struct mirror *mirror, uint8_t port, const struct ip_addr *near,
	mirror_fits *fits, void *arg, struct ip_addr *source);

const struct mirror_stats *mirror_stats(const struct mirror *mirror);
