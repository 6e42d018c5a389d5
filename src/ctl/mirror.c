// The mirror as a whole: what netlink tells is gathered for a moment, what is in doubt is read
// again, and the result is published once.
#include "ctl/mirror_private.h"

#include "base/array.h"
#include "base/log.h"
#include "ctl/limiter.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RECEIVE_OCTETS 32768
#define MESSAGES_PER_EVENT 64
#define MESSAGES_BEFORE_READING 100000
#define GATHER_MS 10
#define GATHER_MAX_MS 500
#define RETRY_MS 1000
#define READ_ATTEMPTS 10
#define RESOLVE_SETS 1024
#define RESOLVE_INTERVAL_MS 1000
#define TICK_S 1

static const unsigned groups[] = {
	RTNLGRP_LINK,
	RTNLGRP_NEIGH,
	RTNLGRP_IPV4_IFADDR,
	RTNLGRP_IPV6_IFADDR,
	RTNLGRP_IPV4_ROUTE,
	RTNLGRP_IPV6_ROUTE,
	RTNLGRP_NEXTHOP,
};

static void read_all(struct mirror *mirror)
{
	mirror->read_routes = true;
	mirror->read_neighbours = true;
	mirror->read_addresses = true;
}

static bool something_to_do(const struct mirror *mirror)
{
	return mirror->read_routes || mirror->read_neighbours || mirror->read_addresses ||
		mirror_routes_due(mirror) || mirror->neighbours_changed;
}

static void arm(struct event *timer, unsigned after_ms)
{
	const struct timeval after = {
		.tv_sec = after_ms / 1000, .tv_usec = (suseconds_t)(after_ms % 1000) * 1000};

	if (!evtimer_pending(timer, NULL))
		evtimer_add(timer, &after);
}

static void link_change(struct mirror *mirror, const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	int port;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*link))
		return;
	port = mirror_port_of(mirror, (unsigned)link->ifi_index);
	if (port < 0)
		return;
	// A link that goes down takes routes and neighbours along, not all with a message.
	mirror_grace_link(mirror, (uint8_t)port);
	read_all(mirror);
}

static void route_change(struct mirror *mirror, const struct nlmsghdr *message)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*rtm) || rtm->rtm_flags & RTM_F_CLONED)
		return;
	if (rtm->rtm_table == RT_TABLE_MAIN || rtm->rtm_table == RT_TABLE_LOCAL)
		mirror->read_routes = true;
}

static void change(struct mirror *mirror, const struct nlmsghdr *message)
{
	mirror->stats.changes++;
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		link_change(mirror, message);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		// Routes that prefer a deleted address go without a message.
		mirror->read_addresses = true;
		mirror->read_routes = true;
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		route_change(mirror, message);
		break;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		mirror->read_routes = true;
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (mirror_neighbour_change(mirror, message) < 0)
			mirror->read_neighbours = true;
		break;
	case NLMSG_ERROR:
		mirror_keep_refused(mirror, message);
		break;
	default:
		break;
	}
}

// false: nothing waits any more.
static bool receive(struct mirror *mirror)
{
	char buffer[RECEIVE_OCTETS] __attribute__((aligned(8)));
	ssize_t received = mnl_socket_recvfrom(mirror->socket, buffer, sizeof(buffer));
	int left = (int)received;

	// More than the socket holds, or a message longer than the buffer: changes are lost.
	if (received < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
		mirror->stats.overruns++;
		read_all(mirror);
		return true;
	}
	if (received < 0)
		return errno == EINTR;
	for (const struct nlmsghdr *message = (const void *)buffer; mnl_nlmsg_ok(message, left);
		message = mnl_nlmsg_next(message, &left))
		change(mirror, message);
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct mirror *mirror = arg;
	unsigned n = 0;

	(void)fd;
	(void)what;
	while (n < MESSAGES_PER_EVENT && receive(mirror))
		n++;
	if (something_to_do(mirror))
		arm(mirror->gathered, mirror->pause_ms);
}

// Reads again what is in doubt. A flag falls before its reading: the kernel told us of everything
// that comes after.
static int read_again(struct mirror *mirror)
{
	static int (*const readers[])(struct mirror *) = {
		mirror_addresses_read, mirror_neighbours_read, mirror_routes_read};
	bool *const flags[] = {
		&mirror->read_addresses, &mirror->read_neighbours, &mirror->read_routes};

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		int ret = *flags[i] ? readers[i](mirror) : 0;

		if (ret < 0)
			return ret;
		*flags[i] = false;
	}
	mirror->stats.routes = mirror->routes.n;
	mirror->stats.neighbours = mirror->neighbours.present;
	return 0;
}

static void on_gathered(evutil_socket_t fd, short what, void *arg)
{
	struct mirror *mirror = arg;
	uint64_t start = limiter_now_ms();
	struct error err = {.text = ""};
	unsigned n = 0;
	int ret;

	(void)fd;
	(void)what;
	// After an overrun no change from before it may follow the reading.
	while (n < MESSAGES_BEFORE_READING && receive(mirror))
		n++;
	ret = read_again(mirror);
	if (ret < 0 && ret != -EINTR)
		error_set(&err, -ret, "reading the kernel's routes: %s", strerror(-ret));
	if (ret == 0)
		ret = mirror_publish(mirror, &err);
	// Many routes that change all the time get a fifth of our time, not all of it.
	mirror->pause_ms = (unsigned)(limiter_now_ms() - start) * 5;
	if (mirror->pause_ms < GATHER_MS)
		mirror->pause_ms = GATHER_MS;
	if (mirror->pause_ms > GATHER_MAX_MS)
		mirror->pause_ms = GATHER_MAX_MS;
	if (ret == -EINTR) {
		arm(mirror->gathered, mirror->pause_ms);
		return;
	}
	mirror_tell(mirror, ret, &err);
	if (ret < 0 || mirror->routes_changed)
		arm(mirror->retry, RETRY_MS);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct mirror *mirror = arg;

	(void)fd;
	(void)what;
	mirror_keep_tick(mirror);
	if (mirror->neighbours_changed)
		arm(mirror->gathered, mirror->pause_ms);
}

static int read_first(struct mirror *mirror, struct error *err)
{
	int ret = -EINTR;

	read_all(mirror);
	mirror_routes_new(mirror);
	for (unsigned i = 0; i < READ_ATTEMPTS && ret == -EINTR; i++)
		ret = read_again(mirror);
	if (ret < 0)
		return error_set(err, -ret, "reading the kernel's routes: %s", strerror(-ret));
	ret = mirror_publish(mirror, err);
	if (ret == 0)
		mirror_keep_tick(mirror);
	return ret;
}

static int copy(struct mirror *mirror, const struct mirror_params *params)
{
	int ret;

	mirror->sink = params->sink;
	mirror->pause_ms = GATHER_MS;
	for (; mirror->ports < params->ports && mirror->ports < PORTS_MAX; mirror->ports++)
		mirror->port[mirror->ports] = params->port[mirror->ports];
	mirror->send = params->send ? params->send : mnl_socket_sendto;
	mirror->local = array_copy(params->local, params->locals, sizeof(mirror->local[0]));
	mirror->remote = array_copy(params->remote, params->remotes, sizeof(mirror->remote[0]));
	mirror->fixed_neighbour = array_copy(
		params->fixed_neighbour, params->fixed, sizeof(mirror->fixed_neighbour[0]));
	if (!mirror->local || !mirror->remote || !mirror->fixed_neighbour)
		return -ENOMEM;
	mirror->locals = params->locals;
	mirror->remotes = params->remotes;
	mirror->fixed = params->fixed;
	ret = mirror_ways_protect(mirror, params->protect, params->protects);
	if (ret >= 0)
		ret = addr_hash_seed(&mirror->neighbours.hash);
	if (ret < 0)
		return ret;
	return limiter_create(RESOLVE_SETS, 1, RESOLVE_INTERVAL_MS, &mirror->resolves);
}

static bool same(const void *a, unsigned a_n, const void *b, unsigned b_n, size_t octets)
{
	return a_n == b_n && (a_n == 0 || memcmp(a, b, a_n * octets) == 0);
}

int mirror_set_ends(struct mirror *mirror, const struct mirror_local *local, unsigned locals,
	const struct ip_addr *remote, unsigned remotes)
{
	struct mirror_local *new_local;
	struct ip_addr *new_remote;

	if (same(mirror->local, mirror->locals, local, locals, sizeof(*local)) &&
		same(mirror->remote, mirror->remotes, remote, remotes, sizeof(*remote)))
		return 0;
	new_local = array_copy(local, locals, sizeof(*local));
	new_remote = array_copy(remote, remotes, sizeof(*remote));
	if (!new_local || !new_remote) {
		free(new_local);
		free(new_remote);
		return -ENOMEM;
	}
	free(mirror->local);
	free(mirror->remote);
	mirror->local = new_local;
	mirror->locals = locals;
	mirror->remote = new_remote;
	mirror->remotes = remotes;
	mirror->read_routes = true;
	arm(mirror->gathered, mirror->pause_ms);
	return mirror_keep_routes(mirror);
}

int mirror_set_protected(struct mirror *mirror, const struct ip_prefix *prefix, unsigned n)
{
	int ret = mirror_ways_protect(mirror, prefix, n);

	if (ret <= 0)
		return ret;
	mirror->read_routes = true;
	arm(mirror->gathered, mirror->pause_ms);
	return 0;
}

int mirror_create(const struct mirror_params *params, struct mirror **created, struct error *err)
{
	static const struct timeval tick = {.tv_sec = TICK_S};
	struct mirror *mirror = calloc(1, sizeof(*mirror));
	int ret = mirror ? copy(mirror, params) : -ENOMEM;

	if (!mirror) {
		if (params->sink.close)
			params->sink.close(params->sink.arg);
		return error_set(err, ENOMEM, "no memory to mirror the kernel's routes");
	}
	if (ret < 0) {
		error_set(err, -ret, "cannot mirror the kernel's routes: %s", strerror(-ret));
		goto failed;
	}
	ret = netlink_listen(groups, sizeof(groups) / sizeof(groups[0]), &mirror->socket);
	if (ret < 0) {
		error_set(err, -ret, "netlink socket: %s", strerror(-ret));
		goto failed;
	}
	mirror->readable = event_new(params->events, mnl_socket_get_fd(mirror->socket),
		EV_READ | EV_PERSIST, on_readable, mirror);
	mirror->gathered = evtimer_new(params->events, on_gathered, mirror);
	mirror->retry = evtimer_new(params->events, on_gathered, mirror);
	mirror->tick = event_new(params->events, -1, EV_PERSIST, on_tick, mirror);
	if (!mirror->readable || !mirror->gathered || !mirror->retry || !mirror->tick ||
		event_add(mirror->readable, NULL) < 0 || event_add(mirror->tick, &tick) < 0) {
		ret = error_set(err, ENOMEM, "no memory for netlink events");
		goto failed;
	}
	// From here on we are told of changes, so nothing falls between.
	ret = read_first(mirror, err);
	if (ret < 0)
		goto failed;
	*created = mirror;
	return 0;
failed:
	mirror_destroy(mirror);
	return ret;
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

void mirror_destroy(struct mirror *mirror)
{
	if (!mirror)
		return;
	free_event(mirror->readable);
	free_event(mirror->gathered);
	free_event(mirror->retry);
	free_event(mirror->tick);
	if (mirror->socket)
		mnl_socket_close(mirror->socket);
	if (mirror->sink.close)
		mirror->sink.close(mirror->sink.arg);
	limiter_destroy(mirror->resolves);
	free(mirror->routes.route);
	free(mirror->neighbours.slot);
	free(mirror->addresses.address);
	free(mirror->hops.hop);
	free(mirror->local);
	free(mirror->remote);
	free(mirror->fixed_neighbour);
	free(mirror->protect);
	free(mirror);
}

const struct mirror_stats *mirror_stats(const struct mirror *mirror)
{
	return &mirror->stats;
}
