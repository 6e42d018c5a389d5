// The sink of the tests, and the namespace around them.
#include "mirror_fixture.h"

#include <net/if.h>
#include <unistd.h>

struct seen seen;
struct mirror *mirror;
int lan, wan;
struct mirror_params more;
const char *before_mirror;

static struct event_base *events;

static void *copy_of(const void *items, size_t n, size_t octets)
{
	void *copied = calloc(n + 1, octets);

	assert_non_null(copied);
	memcpy(copied, items, n * octets);
	return copied;
}

static int take(void *arg, const struct mirror_view *view, struct error *err)
{
	struct seen *s = arg;

	if (s->failures > 0) {
		s->failures--;
		return error_set(err, 12, "as asked for");
	}
	if (s->refuses_routes && view->routes_changed) {
		s->refusals++;
		return error_set(err, 28, "no room for routes");
	}
	if (view->routes_changed) {
		free(s->route);
		s->route = copy_of(view->route, view->routes, sizeof(s->route[0]));
		s->routes = view->routes;
	}
	free(s->neighbour);
	s->neighbour = copy_of(view->neighbour, view->neighbours, sizeof(s->neighbour[0]));
	s->neighbours = view->neighbours;
	s->views++;
	s->missed += s->watched && !neighbour(LAN, s->watched);
	s->route_views += view->routes_changed;
	return 0;
}

static void closed(void *arg)
{
	((struct seen *)arg)->closed++;
}

void run_ms(unsigned ms)
{
	const struct timeval time = {
		.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	event_base_loopexit(events, &time);
	event_base_dispatch(events);
}

const struct fwd_route *route(const char *text)
{
	struct ip_prefix prefix;
	const struct fwd_route *found = NULL;

	assert_int_equal(ip_prefix_parse(text, &prefix), 0);
	for (unsigned i = 0; i < seen.routes; i++) {
		if (memcmp(&seen.route[i].prefix, &prefix, sizeof(prefix)) != 0)
			continue;
		assert_null(found); // one per prefix
		found = &seen.route[i];
	}
	return found;
}

const struct fwd_neighbour *neighbour(uint8_t port, const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_addr_parse(text, &addr), 0);
	for (unsigned i = 0; i < seen.neighbours; i++)
		if (seen.neighbour[i].port == port && ip_addr_equal(&seen.neighbour[i].addr, &addr))
			return &seen.neighbour[i];
	return NULL;
}

void assert_route(const char *text, uint8_t kind, int port, const char *gateway)
{
	const struct fwd_route *r = route(text);
	char found[IP_ADDR_TEXT];

	if (!r)
		print_error("no route %s\n", text);
	assert_non_null(r);
	assert_int_equal(r->kind, kind);
	if (port >= 0)
		assert_int_equal(r->port, port);
	assert_string_equal(ip_addr_format(&r->gateway, found), gateway ? gateway : "none");
}

int mirror_start(void **state)
{
	struct mirror_port ports[2];
	struct mirror_local local = {.port = WAN};
	struct mirror_params params = more;
	struct error err;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	// No addresses that become valid some time later.
	netns_run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad");
	lan = netns_tap("vped-lan");
	wan = netns_tap("vped-wan");
	netns_run("ip link set lo up; ip link set vped-lan up; ip link set vped-wan up; "
		  "ip link add mgmt type veth peer name mgmt-peer; ip link set mgmt up; "
		  "ip link set mgmt-peer up; ip address add 192.168.7.1/24 dev mgmt; "
		  "ip address add 10.1.0.1/16 dev vped-lan; "
		  "ip address add 2001:db8:1::1/64 dev vped-lan nodad; "
		  "ip address add 198.51.100.1/24 dev vped-wan");
	ports[0] = (struct mirror_port){LAN, if_nametoindex("vped-lan")};
	ports[1] = (struct mirror_port){WAN, if_nametoindex("vped-wan")};
	ip_addr_parse("203.0.113.77", &local.addr);
	events = event_base_new();
	params.events = events;
	params.ports = 2;
	params.port = ports;
	params.locals = 1;
	params.local = &local;
	params.sink = (struct mirror_sink){.publish = take, .close = closed, .arg = &seen};
	if (before_mirror)
		netns_run("%s", before_mirror);
	if (mirror_create(&params, &mirror, &err) < 0) {
		print_error("%s\n", err.text);
		return -1;
	}
	return 0;
}

int mirror_stop(void **state)
{
	(void)state;
	mirror_destroy(mirror);
	assert_int_equal(seen.closed, 1);
	event_base_free(events);
	close(lan);
	close(wan);
	netns_run("ip link del mgmt; ip route flush table main 2>/dev/null || true");
	free(seen.route);
	free(seen.neighbour);
	memset(&more, 0, sizeof(more));
	before_mirror = NULL;
	return 0;
}
