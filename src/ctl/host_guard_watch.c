// After any change names and indexes are compared with those known. Of the changes themselves only
// the end of an interface counts: one that comes back may have the same index.
#include "ctl/host_guard_watch.h"

#include "base/log.h"
#include "ctl/host_guard.h"
#include "ctl/host_guard_indexes.h"
#include "ctl/netlink.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#define RECEIVE_OCTETS 32768
#define RETRY_S 1

struct host_guard_watch {
	struct mnl_socket *socket;
	struct event *readable;
	struct event *retry;
	bool told_failure;
	const struct config *config; // the gateway's
	struct host_guard_names names;
	unsigned ifindex[HOST_GUARD_NAMES]; // of each name; 0: none
	bool ended[HOST_GUARD_NAMES];	    // since it was looked at
};

typedef int write_function(
	const struct host_guard_names *names, const struct config *config, struct error *err);

// Who takes all of it away means it, and gets it back with the next start. 1: written, 0: it is not
// there, or -errno.
static int if_there(write_function *write, const struct host_guard_watch *watch,
	const struct config *config, struct error *err)
{
	int ret = host_guard_is_there(err);

	if (ret <= 0)
		return ret;
	ret = write(&watch->names, config, err);
	return ret < 0 ? ret : 1;
}

static void write_guard(struct host_guard_watch *watch)
{
	static const struct timeval later = {.tv_sec = RETRY_S};
	struct error err;
	int ret = if_there(host_guard_write, watch, watch->config, &err);

	if (ret >= 0) {
		watch->told_failure = false;
		if (ret > 0)
			log_notice("host guard: installed again");
		else
			log_warning("host guard: not installed again, for somebody has removed "
				    "it; the next start does, or --host-guard");
		return;
	}
	if (!watch->told_failure)
		log_error("%s; trying again", err.text);
	watch->told_failure = true;
	event_add(watch->retry, &later);
}

// The former name stays guarded in the kernel.
static bool renamed(struct host_guard_watch *watch, unsigned i, const char *now)
{
	struct host_guard_name *known = &watch->names.name[i];

	if (!host_guard_is_plain(now)) {
		log_error("host guard: interface %s has a new name that cannot be guarded",
			known->name);
		watch->ifindex[i] = 0;
		return false;
	}
	log_warning("host guard: interface %s is %s now", known->name, now);
	memcpy(known->name, now, sizeof(known->name));
	return true;
}

static void forget(unsigned ifindex)
{
	struct error err;

	if (host_guard_forget(ifindex, &err) < 0)
		log_warning("%s", err.text);
}

static bool changed(struct host_guard_watch *watch, unsigned i)
{
	const char *name = watch->names.name[i].name;
	bool ended = watch->ended[i];
	char now[IF_NAMESIZE] = "";
	unsigned ifindex;

	watch->ended[i] = false;
	if (ended)
		forget(watch->ifindex[i]);
	else if (watch->ifindex[i] != 0 && if_indextoname(watch->ifindex[i], now))
		return strcmp(now, name) != 0 && renamed(watch, i, now);
	ifindex = if_nametoindex(name);
	if (ifindex == 0 && watch->ifindex[i] != 0)
		log_warning("host guard: interface %s is gone", name);
	watch->ifindex[i] = ifindex;
	if (ifindex != 0)
		log_warning("host guard: interface %s was made anew", name);
	return ifindex != 0;
}

// A bridge's own messages say that a device leaves the bridge.
static void note_end(struct host_guard_watch *watch, const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_type != RTM_DELLINK ||
		mnl_nlmsg_get_payload_len(message) < sizeof(*link) || link->ifi_family != AF_UNSPEC)
		return;
	for (unsigned i = 0; i < watch->names.n; i++) {
		if (watch->ifindex[i] == (unsigned)link->ifi_index)
			watch->ended[i] = true;
	}
}

// An overrun, or a message longer than the buffer.
static bool lost_some(void)
{
	return errno == ENOBUFS || errno == ENOSPC;
}

// True: some of what there was is lost.
static bool receive(struct host_guard_watch *watch)
{
	char buffer[RECEIVE_OCTETS] __attribute__((aligned(8)));
	bool lost = false;
	ssize_t received;

	while ((received = mnl_socket_recvfrom(watch->socket, buffer, sizeof(buffer))) >= 0 ||
		lost_some() || errno == EINTR) {
		int left = (int)received;

		lost |= received < 0 && lost_some();
		for (const struct nlmsghdr *message = (const void *)buffer;
			mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			note_end(watch, message);
	}
	return lost;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct host_guard_watch *watch = arg;
	bool any = receive(watch);

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < watch->names.n; i++)
		any |= changed(watch, i);
	if (any)
		write_guard(watch);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	write_guard(arg);
}

static int listen_to_links(
	struct host_guard_watch *watch, struct event_base *events, struct error *err)
{
	static const unsigned links = RTNLGRP_LINK;
	int ret = netlink_listen(&links, 1, &watch->socket);

	if (ret < 0)
		return error_set(err, -ret, "netlink socket: %s", strerror(-ret));
	watch->readable = event_new(
		events, mnl_socket_get_fd(watch->socket), EV_READ | EV_PERSIST, on_readable, watch);
	watch->retry = evtimer_new(events, on_retry, watch);
	if (!watch->readable || !watch->retry || event_add(watch->readable, NULL) < 0)
		return error_set(err, ENOMEM, "no memory for netlink events");
	return 0;
}

int host_guard_watch_create(const struct config *config, struct event_base *events,
	struct host_guard_watch **created, struct error *err)
{
	struct host_guard_watch *watch = calloc(1, sizeof(*watch));
	int ret;

	if (!watch)
		return error_set(err, ENOMEM, "no memory for the host guard");
	watch->config = config;
	ret = host_guard_collect(config, &watch->names, err);
	if (ret == 0)
		ret = listen_to_links(watch, events, err);
	if (ret < 0) {
		host_guard_watch_destroy(watch);
		return ret;
	}
	for (unsigned i = 0; i < watch->names.n; i++)
		watch->ifindex[i] = if_nametoindex(watch->names.name[i].name);
	*created = watch;
	return 0;
}

int host_guard_watch_policies(
	struct host_guard_watch *watch, const struct config *next, struct error *err)
{
	int ret = if_there(host_guard_write_policies, watch, next, err);

	return ret < 0 ? ret : 0;
}

void host_guard_watch_destroy(struct host_guard_watch *watch)
{
	if (!watch)
		return;
	if (watch->readable)
		event_free(watch->readable);
	if (watch->retry)
		event_free(watch->retry);
	if (watch->socket)
		mnl_socket_close(watch->socket);
	free(watch);
}
