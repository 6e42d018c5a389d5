// Which drops are answered, to whom, from where and how often. Neighbours of icmp.c are the test's
// own.
#include "ctl/icmp.h"

#include "ctl/gateway.h"
#include "ctl/host_if.h"
#include "ctl/icmp_source.h"
#include "dataplane/forward.h"
#include "dataplane/punt.h"
#include "proto/ip_hdr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LAN 0
#define WAN 1
#define BURST 20
#define TOTAL_BURST 100
#define TUNNEL 5

struct buffer {
	struct rte_mbuf m;
	struct meta meta; // where rte_mbuf_to_priv looks
};

static struct config config = {
	.icmp = {.rate = 10, .burst = BURST, .total_rate = 1000, .total_burst = TOTAL_BURST}};
static struct dataplane dp = {
	.ports = 2,
	.port = {{.side = PORT_PROTECTED},
		{.side = PORT_UNPROTECTED, .index = WAN, .mac = {{2, 0, 0, 0, 0, 9}}}},
};
static struct sa_out out = {.max_inner = 1446};
static struct tunnel tunnels[TUNNEL + 1];
static struct tunnel *tunnel_places[TUNNEL + 1] = {[TUNNEL] = &tunnels[TUNNEL]};
static struct gateway gateway = {.config = &config, .dp = &dp, .tunnel = tunnel_places};

static uint8_t room[2048];
static struct buffer answer;
static bool no_buffer, no_source, full;
static unsigned injected, written;
static enum meta_about asked_about;

struct rte_mbuf *inject_alloc(struct dataplane *d)
{
	assert_ptr_equal(d, &dp);
	answer = (struct buffer){
		.m = {.buf_addr = room, .buf_len = sizeof(room), .data_off = 128, .nb_segs = 1}};
	return no_buffer ? NULL : &answer.m;
}

bool inject(struct dataplane *d, struct rte_mbuf *m, enum meta_kind kind, uint8_t port)
{
	(void)port;
	assert_ptr_equal(d, &dp);
	assert_ptr_equal(m, &answer.m);
	assert_int_equal(kind, META_PACKET);
	injected++;
	return !full;
}

void host_if_write(struct host_if *host_if, struct rte_mbuf *m)
{
	assert_ptr_equal(host_if, gateway.host_if[WAN]);
	assert_ptr_equal(m, &answer.m);
	written++;
}

bool icmp_source(const struct gateway *g, enum meta_about about, uint16_t tunnel, uint8_t port,
	const struct ip_addr *asker, struct ip_addr *source)
{
	(void)port;
	assert_ptr_equal(g, &gateway);
	asked_about = about;
	assert_int_equal(tunnel, about == ABOUT_TUNNEL ? TUNNEL : 0);
	assert_int_equal(asker->octets[0], 10);
	*source = (struct ip_addr){IP_V4, {10, 1, 0, 1}};
	return !no_source;
}

#define OCTETS 41
static uint8_t packet[1600];
static struct buffer dropped;

// UDP from 10.1.0.LAST to 10.2.0.7.
static struct rte_mbuf *drop(enum drop_reason reason, enum forward_origin origin, uint8_t last)
{
	static const uint8_t header[IPV4_HEADER_MIN] = {
		0x45, 0, 0, OCTETS, 0, 0, 0, 0, 64, 17, 0, 0, 10, 1, 0, 0, 10, 2, 0, 7};

	memcpy(packet, header, sizeof(header));
	packet[IPV4_SOURCE + 3] = last;
	dropped = (struct buffer){
		.m = {.buf_addr = packet, .data_len = OCTETS, .nb_segs = 1},
		.meta = {.port = origin == FORWARD_TRANSIT ? LAN : WAN,
			.origin = (uint8_t)origin,
			.reason = (uint16_t)reason,
			.mtu = 1400,
			.tunnel = origin == FORWARD_DECRYPTED ? TUNNEL : 0},
	};
	return &dropped.m;
}

static struct icmp *open(void)
{
	struct icmp *icmp;

	injected = written = 0;
	gateway.host_if[WAN] = (struct host_if *)&written; // only compared
	atomic_store(&tunnels[TUNNEL].out, &out);
	assert_int_equal(icmp_create(&gateway, &icmp), 0);
	return icmp;
}

// Every reason there is: told by this kind, or nobody's business.
static void reasons(void **state)
{
	static const struct {
		enum drop_reason reason;
		enum icmp_kind kind;
		uint8_t type;
		uint8_t code;
	} owed[] = {
		{DROP_too_big, ICMP_too_big, 3, 4},
		{DROP_packet_too_big, ICMP_too_big, 3, 4},
		{DROP_ttl_expired, ICMP_time_exceeded, 11, 0},
		{DROP_no_route, ICMP_no_route, 3, 0},
		{DROP_clear_protected, ICMP_no_route, 3, 0},
		{DROP_route_unreachable, ICMP_route_unreachable, 3, 1},
		{DROP_route_prohibit, ICMP_route_prohibit, 3, 13},
		{DROP_neighbour_failed, ICMP_host_unreachable, 3, 1},
		{DROP_no_outbound_sa, ICMP_host_unreachable, 3, 1},
		{DROP_policy_discard, ICMP_policy_refusal, 3, 13},
		{DROP_policy_none, ICMP_policy_refusal, 3, 13},
		{DROP_fragment_ports, ICMP_policy_refusal, 3, 13},
	};
	struct icmp *icmp = open();

	(void)state;
	for (enum drop_reason reason = DROP_NONE + 1; reason < DROP_REASONS; reason++) {
		unsigned before = injected;
		unsigned i = 0;

		while (i < sizeof(owed) / sizeof(owed[0]) && owed[i].reason != reason)
			i++;
		if (i == sizeof(owed) / sizeof(owed[0])) {
			assert_false(icmp_answer(icmp, drop(reason, FORWARD_TRANSIT, 9)));
			assert_int_equal(injected, before);
			continue;
		}
		assert_true(icmp_answer(icmp, drop(reason, FORWARD_TRANSIT, 9)));
		assert_int_equal(injected, before + 1);
		assert_true(icmp_stats(icmp, owed[i].kind)->sent > 0);
		assert_int_equal(room[128 + 20], owed[i].type);
		assert_int_equal(room[128 + 21], owed[i].code);
	}
	icmp_destroy(icmp);
}

// What an answer quotes says where it may go; the workers are told.
static void says_what_it_quotes(void **state)
{
	struct icmp *icmp = open();

	(void)state;
	icmp_answer(icmp, drop(DROP_ttl_expired, FORWARD_TRANSIT, 9));
	assert_int_equal(asked_about, ABOUT_INSIDE);
	assert_int_equal(answer.meta.about, ABOUT_INSIDE);
	icmp_answer(icmp, drop(DROP_ttl_expired, FORWARD_DECRYPTED, 9));
	assert_int_equal(asked_about, ABOUT_TUNNEL);
	assert_int_equal(answer.meta.about, ABOUT_TUNNEL);
	assert_int_equal(answer.meta.tunnel, TUNNEL);
	drop(DROP_ttl_expired, FORWARD_TRANSIT, 9);
	dropped.meta.port = WAN;
	icmp_answer(icmp, &dropped.m);
	assert_int_equal(asked_about, ABOUT_CLEAR);
	assert_int_equal(answer.meta.about, ABOUT_CLEAR);
	assert_int_equal(injected, 3);
	assert_int_equal(written, 0);
	icmp_destroy(icmp);
}

// It is no longer than the tunnel that it must go back into allows.
static void fits_its_tunnel(void **state)
{
	static const struct {
		uint16_t max_inner;
		uint16_t octets;
	} cases[] = {{1446, 576}, {576, 576}, {548, 548}, {20, ICMP_MESSAGE_MIN}};
	struct icmp *icmp = open();

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		drop(DROP_ttl_expired, FORWARD_DECRYPTED, 9);
		store_be16(packet + IPV4_TOTAL_LENGTH, 1500);
		dropped.m.data_len = 1500;
		out.max_inner = cases[i].max_inner;
		icmp_answer(icmp, &dropped.m);
		assert_int_equal(answer.m.data_len, cases[i].octets);
	}
	out.max_inner = 1446;
	atomic_store(&tunnels[TUNNEL].out, NULL);
	icmp_answer(icmp, &dropped.m);
	assert_int_equal(answer.m.data_len, 576);
	icmp_destroy(icmp);
}

// Our own kernel is told by the interface that it used, by nobody of its own addresses.
static void tells_the_kernel(void **state)
{
	static const uint8_t ether[14] = {2, 0, 0, 0, 0, 9, 2, [12] = 8, [13] = 0};
	struct icmp *icmp = open();

	(void)state;
	assert_true(icmp_answer(icmp, drop(DROP_too_big, FORWARD_OWN, 1)));
	assert_int_equal(written, 1);
	assert_int_equal(injected, 0);
	assert_int_equal(answer.m.data_len, 14 + 28 + OCTETS);
	assert_memory_equal(room + 128 - 14, ether, sizeof(ether));
	assert_memory_equal(room + 128 + IPV4_SOURCE, packet + IPV4_DESTINATION, 4);
	assert_memory_equal(room + 128 + IPV4_DESTINATION, packet + IPV4_SOURCE, 4);
	assert_int_equal(load_be32(room + 128 + 24), 1400);
	gateway.host_if[WAN] = NULL;
	assert_true(icmp_answer(icmp, drop(DROP_too_big, FORWARD_OWN, 1)));
	assert_int_equal(written, 1);
	assert_int_equal(icmp_stats(icmp, ICMP_too_big)->no_source, 1);
	icmp_destroy(icmp);
}

static unsigned ask(struct icmp *icmp, uint8_t last_octet, unsigned n)
{
	unsigned before = injected;

	for (unsigned i = 0; i < n; i++)
		icmp_answer(icmp, drop(DROP_too_big, FORWARD_TRANSIT, last_octet));
	return injected - before;
}

static void limits_and_counts(void **state)
{
	struct icmp *icmp = open();
	const struct icmp_stats *stats = icmp_stats(icmp, ICMP_too_big);
	unsigned sent, all = 0;

	(void)state;
	sent = ask(icmp, 9, 1000);
	assert_in_range(sent, BURST, BURST + 2);
	assert_int_equal(stats->sent, sent);
	assert_int_equal(stats->limited, 1000 - sent);
	assert_int_equal(answer.m.data_len, 28 + OCTETS);
	// Another sender is not the worse for it.
	assert_int_equal(ask(icmp, 10, 1), 1);
	for (unsigned i = 11; i < 211; i++)
		all += ask(icmp, (uint8_t)i, 10);
	assert_in_range(all, 1, TOTAL_BURST + 200);
	icmp_destroy(icmp);
}

// Other errors, whoever provokes them and in whose name, leave room to say what is too big; and the
// other way round.
static void too_big_has_limits_of_its_own(void **state)
{
	struct icmp *icmp = open();
	unsigned told = 0;

	(void)state;
	for (unsigned i = 0; i < 50000; i++) {
		drop(DROP_policy_none, FORWARD_TRANSIT, (uint8_t)i);
		store_be16(packet + IPV4_SOURCE + 1, (uint16_t)(i >> 2));
		icmp_answer(icmp, &dropped.m);
	}
	assert_true(icmp_stats(icmp, ICMP_policy_refusal)->limited > 0);
	for (unsigned i = 0; i < BURST * 2; i++)
		icmp_answer(icmp, drop(DROP_policy_none, FORWARD_TRANSIT, 9));
	assert_int_equal(ask(icmp, 9, BURST), BURST);
	for (unsigned i = 10; i < 14; i++)
		told += ask(icmp, (uint8_t)i, BURST);
	assert_int_equal(told, TOTAL_BURST - BURST);
	icmp_destroy(icmp);
	icmp = open();
	for (unsigned i = 10; i < 110; i++)
		ask(icmp, (uint8_t)i, 10);
	assert_true(icmp_stats(icmp, ICMP_too_big)->limited > 0);
	assert_true(icmp_answer(icmp, drop(DROP_ttl_expired, FORWARD_TRANSIT, 10)));
	assert_int_equal(icmp_stats(icmp, ICMP_time_exceeded)->sent, 1);
	icmp_destroy(icmp);
}

static void counts_what_fails(void **state)
{
	struct icmp *icmp = open();
	const struct icmp_stats *stats = icmp_stats(icmp, ICMP_too_big);

	(void)state;
	no_source = true;
	assert_int_equal(ask(icmp, 9, 1), 0);
	assert_int_equal(stats->no_source, 1);
	no_source = false;
	no_buffer = true;
	assert_int_equal(ask(icmp, 9, 1), 0);
	assert_int_equal(stats->no_buffer, 1);
	icmp_answer(icmp, drop(DROP_too_big, FORWARD_OWN, 1));
	assert_int_equal(stats->no_buffer, 2);
	no_buffer = false;
	full = true;
	ask(icmp, 9, 1);
	assert_int_equal(stats->no_buffer, 3);
	full = false;
	assert_int_equal(stats->suppressed, 0);
	drop(DROP_too_big, FORWARD_TRANSIT, 9);
	packet[IPV4_FRAGMENT + 1] = 1;
	assert_true(icmp_answer(icmp, &dropped.m));
	assert_int_equal(stats->suppressed, 1);
	assert_int_equal(stats->sent, 0);
	icmp_destroy(icmp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons),
		cmocka_unit_test(says_what_it_quotes),
		cmocka_unit_test(fits_its_tunnel),
		cmocka_unit_test(tells_the_kernel),
		cmocka_unit_test(limits_and_counts),
		cmocka_unit_test(too_big_has_limits_of_its_own),
		cmocka_unit_test(counts_what_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
