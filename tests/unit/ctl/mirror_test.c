// The mirror follows the kernel: what `ip` does must arrive at the sink.
#include "mirror_fixture.h"

#include <time.h>
#include <unistd.h>

static void reads_what_is_there(void **state)
{
	(void)state;
	assert_int_equal(seen.views, 1);
	assert_int_equal(seen.route_views, 1);
	assert_route("10.1.0.1/32", ADJACENCY_LOCAL, LAN, NULL);
	assert_route("10.1.0.0/16", ADJACENCY_LINK, LAN, NULL);
	assert_route("10.1.255.255/32", ADJACENCY_MULTICAST, LAN, NULL);
	assert_route("198.51.100.1/32", ADJACENCY_LOCAL, WAN, NULL);
	assert_route("2001:db8:1::1/128", ADJACENCY_LOCAL, LAN, NULL);
	assert_route("2001:db8:1::/64", ADJACENCY_LINK, LAN, NULL);
	// Every address of the host is the host's, and the tunnels' too.
	assert_route("192.168.7.1/32", ADJACENCY_LOCAL, -1, NULL);
	assert_route("203.0.113.77/32", ADJACENCY_LOCAL, WAN, NULL);
	// But not what is behind a foreign interface.
	assert_null(route("192.168.7.0/24"));
	assert_route("224.0.0.0/4", ADJACENCY_MULTICAST, -1, NULL);
	assert_route("255.255.255.255/32", ADJACENCY_MULTICAST, -1, NULL);
	assert_route("ff00::/8", ADJACENCY_MULTICAST, -1, NULL);
	assert_route("127.0.0.0/8", ADJACENCY_BLACKHOLE, -1, NULL);
	assert_null(route("127.0.0.1/32"));
	assert_route("::1/128", ADJACENCY_BLACKHOLE, -1, NULL);
	assert_null(route("fe80::/64"));
}

static void follows_routes(void **state)
{
	unsigned before = seen.views;

	(void)state;
	netns_run("ip route add default via 192.168.7.2 dev mgmt metric 10; "
		  "ip route add 10.2.0.0/16 via 198.51.100.2; "
		  "ip -6 route add 2001:db8:2::/48 via fe80::2 dev vped-wan; "
		  "ip route add unreachable 10.9.0.0/16; ip route add prohibit 10.10.0.0/16; "
		  "ip route add blackhole 10.11.0.0/16; ip -6 route add blackhole 2001:db8:9::/48; "
		  "ip route add 10.12.0.0/16 dev vped-wan; "
		  "ip route add 10.14.0.0/16 table 100 dev vped-wan; "
		  "ip route add 10.15.0.0/16 tos 8 dev vped-wan");
	wait_for(seen.views > before && route("10.12.0.0/16"));
	assert_null(route("0.0.0.0/0"));
	assert_route("10.2.0.0/16", ADJACENCY_FORWARD, WAN, "198.51.100.2");
	assert_route("2001:db8:2::/48", ADJACENCY_FORWARD, WAN, "fe80::2");
	assert_route("10.9.0.0/16", ADJACENCY_UNREACHABLE, -1, NULL);
	assert_route("10.10.0.0/16", ADJACENCY_PROHIBIT, -1, NULL);
	assert_route("10.11.0.0/16", ADJACENCY_BLACKHOLE, -1, NULL);
	assert_route("2001:db8:9::/48", ADJACENCY_BLACKHOLE, -1, NULL);
	assert_route("10.12.0.0/16", ADJACENCY_LINK, WAN, NULL);
	assert_null(route("10.14.0.0/16"));
	assert_null(route("10.15.0.0/16"));
	// Ours counts although the foreign one has the better metric.
	netns_run("ip route add default via 198.51.100.3 metric 200");
	wait_for(route("0.0.0.0/0"));
	assert_route("0.0.0.0/0", ADJACENCY_FORWARD, WAN, "198.51.100.3");
	netns_run("ip route del 10.2.0.0/16");
	wait_for(!route("10.2.0.0/16"));
}

static void chooses_by_metric_and_takes_the_first_next_hop(void **state)
{
	(void)state;
	netns_run("ip route add 10.20.0.0/16 via 198.51.100.9 metric 50; "
		  "ip route add 10.20.0.0/16 via 198.51.100.8 metric 20; "
		  "ip route add 10.21.0.0/16 nexthop via 192.168.7.2 dev mgmt "
		  "nexthop via 198.51.100.6 nexthop via 10.1.0.6; "
		  "ip -6 route add 2001:db8:21::/48 nexthop via fe80::6 dev vped-wan "
		  "nexthop via fe80::7 dev vped-lan; "
		  "ip route add 10.22.0.0/16 via inet6 fe80::9 dev vped-wan; "
		  "ip route add 10.24.0.0/16 nexthop via 192.168.7.2 dev mgmt "
		  "nexthop via inet6 2001:db8:1::7 dev vped-lan");
	wait_for(route("10.21.0.0/16") && route("2001:db8:21::/48"));
	assert_route("10.20.0.0/16", ADJACENCY_FORWARD, WAN, "198.51.100.8");
	assert_route("10.21.0.0/16", ADJACENCY_FORWARD, WAN, "198.51.100.6");
	assert_route("2001:db8:21::/48", ADJACENCY_FORWARD, WAN, "fe80::6");
	assert_route("10.22.0.0/16", ADJACENCY_FORWARD, WAN, "fe80::9");
	assert_route("10.24.0.0/16", ADJACENCY_FORWARD, LAN, "2001:db8:1::7");
	netns_run("ip route del 10.20.0.0/16 metric 20");
	wait_for(route("10.20.0.0/16")->gateway.octets[3] == 9);
	netns_run("ip nexthop add id 7 via 198.51.100.40 dev vped-wan; "
		  "ip route add 10.23.0.0/16 nhid 7; ip nexthop add id 8 via fe80::8 dev vped-wan; "
		  "ip route add 10.25.0.0/16 nhid 8");
	wait_for(route("10.23.0.0/16") && route("10.25.0.0/16"));
	assert_route("10.25.0.0/16", ADJACENCY_FORWARD, WAN, "fe80::8");
	assert_route("10.23.0.0/16", ADJACENCY_FORWARD, WAN, "198.51.100.40");
	netns_run("ip nexthop replace id 7 via 198.51.100.41 dev vped-wan");
	wait_for(route("10.23.0.0/16")->gateway.octets[3] == 41);
}

static void follows_addresses_and_links(void **state)
{
	(void)state;
	netns_run("ip address add 10.3.0.1/24 dev vped-lan; "
		  "ip route add 10.4.0.0/16 via 10.3.0.2 src 10.3.0.1");
	wait_for(route("10.3.0.1/32") && route("10.4.0.0/16"));
	netns_run("ip address del 10.3.0.1/24 dev vped-lan");
	wait_for(!route("10.3.0.1/32") && !route("10.4.0.0/16"));
	netns_run("ip route add 10.5.0.0/16 via 198.51.100.2");
	wait_for(route("10.5.0.0/16"));
	// The kernel takes the routes away without a word.
	netns_run("ip link set vped-wan down");
	wait_for(!route("10.5.0.0/16"));
	netns_run("ip link set vped-wan up");
	wait_for(route("198.51.100.0/24"));
}

// Of the four interfaces that the namespace has; the kernel takes its time.
static unsigned link_local_addresses(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < seen.routes; i++) {
		const struct fwd_route *r = &seen.route[i];

		n += r->kind == ADJACENCY_LOCAL && r->prefix.addr.octets[0] == 0xfe &&
			r->prefix.addr.octets[1] == 0x80;
	}
	return n;
}

static void follows_neighbours(void **state)
{
	unsigned routes;

	(void)state;
	wait_for(link_local_addresses() == 4);
	routes = seen.route_views;
	netns_run("ip neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev vped-lan nud permanent; "
		  "ip neigh add 198.51.100.2 lladdr 02:00:00:00:00:02 dev vped-wan nud stale; "
		  "ip neigh add 2001:db8:1::9 lladdr 02:00:00:00:01:09 dev vped-lan nud reachable; "
		  "ip neigh add fe80::9 lladdr 02:00:00:00:01:0a dev vped-wan nud noarp; "
		  "ip neigh add 192.168.7.9 lladdr 02:00:00:00:07:09 dev mgmt nud permanent");
	wait_for(neighbour(WAN, "fe80::9"));
	assert_int_equal(neighbour(LAN, "10.1.0.9")->mac.addr_bytes[5], 9);
	assert_false(neighbour(LAN, "10.1.0.9")->failed);
	assert_int_equal(neighbour(WAN, "198.51.100.2")->mac.addr_bytes[5], 2);
	assert_int_equal(neighbour(LAN, "2001:db8:1::9")->mac.addr_bytes[4], 1);
	assert_null(neighbour(WAN, "10.1.0.9"));
	assert_null(neighbour(LAN, "192.168.7.9"));
	for (unsigned i = 0; i < seen.neighbours; i++)
		assert_false(ip_addr_is_multicast(&seen.neighbour[i].addr));
	netns_run("ip neigh replace 10.1.0.9 lladdr 02:00:00:00:00:99 dev vped-lan nud permanent; "
		  "ip neigh del 198.51.100.2 dev vped-wan");
	wait_for(!neighbour(WAN, "198.51.100.2"));
	assert_int_equal(neighbour(LAN, "10.1.0.9")->mac.addr_bytes[5], 0x99);
	// Routes were not built again for all that.
	assert_int_equal(seen.route_views, routes);
}

// The TAPs have nobody behind them: first an ARP request, then failure.
static void resolves(void **state)
{
	struct ip_addr addr;
	uint8_t frame[2048];
	unsigned requests = 0;
	ssize_t n;

	(void)state;
	netns_run("echo 50 > /proc/sys/net/ipv4/neigh/vped-lan/retrans_time_ms");
	while (read(lan, frame, sizeof(frame)) > 0)
		;
	ip_addr_parse("10.1.0.50", &addr);
	for (unsigned i = 0; i < 10; i++)
		mirror_resolve(mirror, LAN, &addr);
	assert_int_equal(mirror_stats(mirror)->resolves, 1);
	assert_int_equal(mirror_stats(mirror)->resolves_limited, 9);
	run_ms(40);
	assert_null(neighbour(LAN, "10.1.0.50"));
	while ((n = read(lan, frame, sizeof(frame))) > 0)
		requests += n >= 42 && frame[12] == 8 && frame[13] == 6 && frame[41] == 50;
	assert_true(requests > 0);
	wait_for(neighbour(LAN, "10.1.0.50") && neighbour(LAN, "10.1.0.50")->failed);
	// Asked again after a pause.
	run_ms(1000);
	mirror_resolve(mirror, LAN, &addr);
	assert_int_equal(mirror_stats(mirror)->resolves, 2);
	netns_run("ip neigh replace 10.1.0.50 lladdr 02:00:00:00:00:50 dev vped-lan nud reachable");
	wait_for(neighbour(LAN, "10.1.0.50") && !neighbour(LAN, "10.1.0.50")->failed);
	// Not for a port that has no host interface, and not for a group.
	mirror_resolve(mirror, 1, &addr);
	ip_addr_parse("224.0.0.5", &addr);
	mirror_resolve(mirror, LAN, &addr);
	assert_int_equal(mirror_stats(mirror)->resolves, 2);
}

static void assert_source(uint8_t port, const char *near_text, const char *expected)
{
	struct ip_addr near, source;
	char text[IP_ADDR_TEXT];

	ip_addr_parse(near_text, &near);
	assert_int_equal(mirror_source(mirror, port, &near, NULL, NULL, &source), expected != NULL);
	if (expected)
		assert_string_equal(ip_addr_format(&source, text), expected);
}

static void chooses_sources(void **state)
{
	(void)state;
	netns_run("ip address add 172.16.0.1/24 dev vped-lan; "
		  "ip address add 172.16.9.1/32 peer 172.16.9.2 dev vped-lan");
	wait_for(route("172.16.0.1/32") && route("172.16.9.1/32"));
	assert_source(LAN, "10.1.5.5", "10.1.0.1");
	assert_source(LAN, "172.16.0.9", "172.16.0.1");
	assert_source(LAN, "8.8.8.8", "10.1.0.1");
	assert_source(WAN, "8.8.8.8", "198.51.100.1");
	assert_source(LAN, "2001:db8:1::5", "2001:db8:1::1");
	assert_source(LAN, "2001:db8:77::5", "2001:db8:1::1");
	// The wan has no global IPv6 address, but a link-local one, or the lan's.
	netns_run("ip -6 address flush dev vped-wan");
	run_ms(100);
	assert_source(WAN, "2001:db8:77::5", "2001:db8:1::1");
	assert_source(9, "10.1.5.5", "10.1.0.1");
	netns_run("ip -6 address flush dev vped-lan");
	run_ms(100);
	assert_source(LAN, "2001:db8:1::5", NULL);
}

static void a_sink_that_fails_is_asked_again(void **state)
{
	unsigned before = seen.views;

	(void)state;
	seen.failures = 1;
	netns_run("ip route add 10.30.0.0/16 via 198.51.100.2");
	wait_for(route("10.30.0.0/16"));
	assert_int_equal(mirror_stats(mirror)->failures, 1);
	assert_int_equal(seen.views, before + 1);
}

// Routes that nobody can take keep nothing else from being taken, and come again.
static void refused_routes_wait_alone(void **state)
{
	unsigned refusals;

	(void)state;
	seen.refuses_routes = true;
	netns_run("ip route add 10.31.0.0/16 via 198.51.100.2");
	wait_for(seen.refusals == 1);
	netns_run("ip neigh add 10.1.0.31 lladdr 02:00:00:00:00:31 dev vped-lan nud permanent");
	wait_for(neighbour(LAN, "10.1.0.31"));
	netns_run("ip route add 10.32.0.0/16 via 198.51.100.2; "
		  "ip neigh add 10.1.0.32 lladdr 02:00:00:00:00:32 dev vped-lan nud permanent");
	wait_for(neighbour(LAN, "10.1.0.32"));
	assert_null(route("10.31.0.0/16"));
	assert_non_null(route("10.1.0.0/16"));
	// Asked again, at long and longer intervals, not with each neighbour. (The kernel's own
	// IPv6 routes may come meanwhile.)
	refusals = seen.refusals;
	for (unsigned i = 0; i < 30; i++) {
		netns_run("ip neigh replace 10.1.0.33 lladdr 02:00:00:00:33:%02x dev vped-lan", i);
		run_ms(100);
	}
	assert_in_range(seen.refusals - refusals, 1, 8);
	seen.refuses_routes = false;
	for (unsigned i = 0; i < 5 && !route("10.32.0.0/16"); i++)
		run_ms(1000);
	assert_route("10.31.0.0/16", ADJACENCY_FORWARD, WAN, "198.51.100.2");
	assert_route("10.32.0.0/16", ADJACENCY_FORWARD, WAN, "198.51.100.2");
}

static void gathers(void **state)
{
	unsigned before;

	(void)state;
	run_ms(100);
	before = seen.views;
	netns_run("for i in $(seq 1 200); do echo route add 10.40.$i.0/24 via 198.51.100.2; "
		  "done | ip -batch -");
	wait_for(route("10.40.200.0/24"));
	assert_in_range(seen.views - before, 1, 20);
	before = seen.views;
	// Nothing that we see changes.
	netns_run("ip route add 192.0.2.0/24 via 192.168.7.2 dev mgmt");
	run_ms(100);
	assert_int_equal(seen.views, before);
}

// What the kernel would not forward by a route is too big for us as well.
static void takes_the_mtu_of_routes(void **state)
{
	static const struct {
		const char *prefix;
		uint16_t mtu;
	} cases[] = {
		{"10.50.0.0/16", 1400},
		{"10.51.0.0/16", 0},
		{"10.52.0.0/16", 1300},
		{"10.53.0.0/16", 576}, // what it says is too small for anything
		{"10.54.0.0/16", 9000},
		{"10.55.0.0/16", 1350},
		{"2001:db8:50::/48", 1400},
		{"2001:db8:51::/48", 1280},
	};

	(void)state;
	netns_run("ip route add 10.50.0.0/16 via 198.51.100.2 mtu 1400; "
		  "ip route add 10.51.0.0/16 via 198.51.100.2 advmss 1000; "
		  "ip route add 10.52.0.0/16 dev vped-wan mtu lock 1300; "
		  "ip route add 10.53.0.0/16 via 198.51.100.2 mtu 100; "
		  "ip route add 10.54.0.0/16 via 198.51.100.2 mtu 9000; "
		  "ip route add 10.55.0.0/16 mtu 1350 nexthop via 192.168.7.2 dev mgmt "
		  "nexthop via 198.51.100.6; "
		  "ip -6 route add 2001:db8:50::/48 via fe80::2 dev vped-wan mtu 1400; "
		  "ip -6 route add 2001:db8:51::/48 via fe80::2 dev vped-wan mtu 1000");
	wait_for(route("2001:db8:51::/48") && route("10.55.0.0/16"));
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(route(cases[i].prefix)->mtu, cases[i].mtu);
	assert_int_equal(route("198.51.100.0/24")->mtu, 0);
	netns_run("ip route replace 10.50.0.0/16 via 198.51.100.2 mtu 1380");
	wait_for(route("10.50.0.0/16")->mtu == 1380);
	netns_run("ip route replace 10.50.0.0/16 via 198.51.100.2");
	wait_for(route("10.50.0.0/16")->mtu == 0);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// Ten thousand of each, and more changes at once than the socket holds.
static void ten_thousand(void **state)
{
	double from;

	(void)state;
	netns_run("for n in 1 2 3; do echo 20000 > /proc/sys/net/ipv4/neigh/default/gc_thresh$n; "
		  "done 2>/dev/null || true");
	netns_run("for i in $(seq 0 9999); do echo route add 20.$((i / 250)).$((i %% 250)).0/24 "
		  "via 198.51.100.$((i %% 200 + 2)); done | ip -batch -");
	from = seconds();
	wait_for(seen.routes >= 10000);
	netns_run(
		"for i in $(seq 0 9999); do echo neigh add 10.1.$((i / 250 + 1)).$((i %% 250 + 1))"
		" lladdr 02:00:00:00:00:01 dev vped-lan nud permanent; done | ip -batch -");
	wait_for(seen.neighbours >= 10000);
	assert_non_null(neighbour(LAN, "10.1.40.250"));
	assert_route("20.39.249.0/24", ADJACENCY_FORWARD, WAN, "198.51.100.201");
	print_message("changes %lu, overruns %lu, publications %lu, %.2f s behind\n",
		(unsigned long)mirror_stats(mirror)->changes,
		(unsigned long)mirror_stats(mirror)->overruns,
		(unsigned long)mirror_stats(mirror)->publications, seconds() - from);
	from = seconds();
	netns_run("ip link set vped-wan down");
	wait_for(seen.routes < 100);
	print_message("all gone after %.3f s\n", seconds() - from);
	// While nobody listens; what the last round says must be found by reading again.
	for (unsigned round = 0; round < 6; round++)
		netns_run("for i in $(seq 0 9999); do echo neigh replace "
			  "10.1.$((i / 250 + 1)).$((i %% 250 + 1)) lladdr 02:00:00:00:%02x:01 "
			  "dev vped-lan nud permanent; done | ip -batch -",
			round);
	wait_for(neighbour(LAN, "10.1.40.250")->mac.addr_bytes[4] == 5);
	run_ms(50);
	assert_int_equal(seen.neighbours, 10000);
	for (unsigned i = 0; i < seen.neighbours; i++)
		assert_int_equal(seen.neighbour[i].mac.addr_bytes[4], 5);
	print_message("overruns %lu\n", (unsigned long)mirror_stats(mirror)->overruns);
	assert_true(mirror_stats(mirror)->overruns > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		mirrored(reads_what_is_there),
		mirrored(follows_routes),
		mirrored(chooses_by_metric_and_takes_the_first_next_hop),
		mirrored(follows_addresses_and_links),
		mirrored(follows_neighbours),
		mirrored(resolves),
		mirrored(chooses_sources),
		mirrored(a_sink_that_fails_is_asked_again),
		mirrored(refused_routes_wait_alone),
		mirrored(gathers),
		mirrored(takes_the_mtu_of_routes),
		mirrored(ten_thousand),
	};

	return mirror_run(tests);
}
