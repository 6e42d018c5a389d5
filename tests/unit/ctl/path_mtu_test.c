// What is believed of routers' words about tunnel packets, and what is not: everything that
// somebody who cannot read the tunnel's packets could make up.
#include "ctl/path_mtu.h"

#include "ctl/gateway.h"
#include "ctl/limiter.h"
#include "ctl/tunnel_mtu.h"
#include "dataplane/fwd.h"
#include "proto/ip_hdr.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PORT_MTU 1500
#define OWN_MTU 1450 // of one of the tunnels
#define NEXT UINT64_C(0x300001000)
#define SENT 0x800
#define TUNNELS 4
#define TEN_MINUTES_MS 600000
#define SPI 0xc0000001

static const uint16_t encrypt_index[] = {0, 1};
static const uint16_t encrypt[] = {0, 1};
static const struct sa_workers workers = {
	.n = 2, .encrypt_n = 2, .encrypt_index = encrypt_index, .encrypt = encrypt};

static struct config_tunnel config_tunnels[TUNNELS] = {
	{.mtu = PORT_MTU,
		.pmtu_discovery = true,
		.has_out = true,
		.tcp_mss = CONFIG_TCP_MSS_TUNNEL},
	{.mtu = PORT_MTU, .pmtu_discovery = true, .has_out = true, .tcp_mss = 1000},
	{.mtu = PORT_MTU, .has_out = true, .tcp_mss = CONFIG_TCP_MSS_TUNNEL},
	{.mtu = OWN_MTU, .pmtu_discovery = true, .has_out = true},
};
static struct config config = {.tunnels = config_tunnels, .tunnels_n = TUNNELS};
static struct dataplane dp = {.ports = 1, .port = {{.mtu = PORT_MTU}}, .workers = 2};
static struct tunnel tunnels[TUNNELS];
static struct gateway gateway = {
	.config = &config, .dp = &dp, .tunnels = TUNNELS, .tunnel = tunnels};
static uint64_t now_ms;

static const struct {
	const struct proto_ops *proto;
	const char *local;
	const char *remote;
} ends[TUNNELS] = {
	{&vpe_ops, "192.0.2.1", "192.0.2.2"},
	{&esp_ops, "2001:db8::1", "2001:db8::2"},
	{&esp_ops, "192.0.2.1", "192.0.2.3"},
	// Between the ends of the first.
	{&esp_ops, "192.0.2.1", "192.0.2.2"},
};

// By tunnel: what the link takes that its route leads to; 0: it has no route.
static uint16_t links[TUNNELS];

uint16_t fwd_mtu(const struct fwd *fwd, const struct ip_addr *addr)
{
	(void)fwd;
	for (unsigned i = 0; i < TUNNELS; i++)
		if (ip_addr_equal(addr, &tunnels[i].remote))
			return links[i];
	fail();
	return 0;
}

static struct sa_out *make_out(unsigned index)
{
	static const struct aead_key key;
	struct sa_params params = {
		.proto = ends[index].proto,
		.local = tunnels[index].local,
		.remote = tunnels[index].remote,
		.spi = SPI + index,
		.first = NEXT - SENT,
	};
	void *memory = aligned_alloc(CACHE_LINE, sa_out_octets(&workers));
	struct sa_out *sa = sa_out_init(memory, &params, &key, &workers, PORT_MTU);

	for (unsigned i = 0; i < workers.n; i++) {
		sa->lane[i].next = NEXT;
		sa->lane[i].packets = SENT;
	}
	return sa;
}

static int open(void **state)
{
	struct path_mtu *made;

	for (unsigned i = 0; i < TUNNELS; i++) {
		memset(&tunnels[i], 0, sizeof(tunnels[i]));
		tunnels[i].index = (uint16_t)i;
		assert_int_equal(ip_addr_parse(ends[i].local, &tunnels[i].local), 0);
		assert_int_equal(ip_addr_parse(ends[i].remote, &tunnels[i].remote), 0);
		config_tunnels[i].local = tunnels[i].local;
		config_tunnels[i].out.params.proto = ends[i].proto;
		atomic_store(&tunnels[i].out, make_out(i));
		tunnel_mtu_set(&gateway, &tunnels[i], config_tunnels[i].mtu);
	}
	gateway.events = event_base_new();
	assert_int_equal(path_mtu_create(&gateway, &made), 0);
	now_ms = limiter_now_ms();
	*state = made;
	return 0;
}

static int finish(void **state)
{
	path_mtu_destroy(*state);
	event_base_free(gateway.events);
	for (unsigned i = 0; i < TUNNELS; i++)
		free(atomic_load(&tunnels[i].out));
	return 0;
}

// A message, as good as can be; tests spoil it.
struct word {
	unsigned tunnel; // that it is about
	uint32_t mtu;
	uint64_t seq;
	uint16_t window_id; // VPE
	uint32_t spi;
	uint16_t octets; // of the packet that was too big
	uint8_t protocol;
	const char *source; // of the packet
	const char *destination;
	uint16_t quoted; // behind its IP header
	bool checksum_wrong;
};

static struct word good(unsigned tunnel, uint32_t mtu)
{
	return (struct word){
		.tunnel = tunnel,
		.mtu = mtu,
		.seq = NEXT - 1,
		.window_id = 1,
		.spi = SPI + tunnel,
		.octets = PORT_MTU,
		.protocol = IP_PROTOCOL_ESP,
		.source = ends[tunnel].local,
		.destination = ends[tunnel].remote,
		.quoted = 16,
	};
}

static void write_addr(uint8_t *at, const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_addr_parse(text, &addr), 0);
	memcpy(at, addr.octets, ip_addr_octets(addr.family));
}

static void write_header(uint8_t *at, bool ipv6, uint16_t octets, uint8_t protocol,
	const char *source, const char *destination)
{
	at[0] = ipv6 ? 0x60 : 0x45;
	store_be16(at + (ipv6 ? IPV6_PAYLOAD_LENGTH : IPV4_TOTAL_LENGTH),
		(uint16_t)(ipv6 ? octets - IPV6_HEADER : octets));
	at[ipv6 ? IPV6_NEXT_HEADER : IPV4_PROTOCOL] = protocol;
	write_addr(at + (ipv6 ? IPV6_SOURCE : IPV4_SOURCE), source);
	write_addr(at + (ipv6 ? IPV6_DESTINATION : IPV4_DESTINATION), destination);
}

static void write_tunnel_header(uint8_t *at, const struct word *word)
{
	if (ends[word->tunnel].proto == &esp_ops) {
		store_be32(at, word->spi);
		store_be32(at + 4, (uint32_t)word->seq);
		return;
	}
	store_le16(at + 2, word->window_id);
	store_le64(at + 4, word->seq);
	store_le32(at + 12, word->spi);
}

static void write_checksum(uint8_t *packet, bool ipv6, uint16_t octets)
{
	uint16_t header = ipv6 ? IPV6_HEADER : IPV4_HEADER_MIN;
	uint16_t length = (uint16_t)(octets - header);
	uint32_t sum = checksum_sum_any(packet + header, length);
	uint16_t checksum;

	if (ipv6)
		sum += checksum_sum(packet + IPV6_SOURCE, 32) + htobe16(length) +
			htobe16(IP_PROTOCOL_ICMPV6);
	checksum = (uint16_t)~checksum_fold(sum);
	memcpy(packet + header + 2, &checksum, sizeof(checksum));
}

static void say(struct path_mtu *p, const struct word *word)
{
	bool ipv6 = tunnels[word->tunnel].local.family == IP_V6;
	uint16_t header = ipv6 ? IPV6_HEADER : IPV4_HEADER_MIN;
	uint16_t octets = (uint16_t)(2 * header + 8 + word->quoted);
	uint8_t packet[256] = {0};
	struct rte_mbuf m = {.buf_addr = packet, .data_len = octets};
	uint8_t *icmp = packet + header;

	write_header(packet, ipv6, octets, ipv6 ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_ICMP,
		ipv6 ? "2001:db8:9::9" : "198.51.100.9", word->source);
	write_header(icmp + 8, ipv6, word->octets, word->protocol, word->source, word->destination);
	icmp[0] = ipv6 ? 2 : 3;
	icmp[1] = ipv6 ? 0 : 4;
	if (ipv6)
		store_be32(icmp + 4, word->mtu);
	else
		store_be16(icmp + 6, (uint16_t)word->mtu);
	write_tunnel_header(icmp + 8 + header, word);
	write_checksum(packet, ipv6, octets);
	packet[header + 2] ^= word->checksum_wrong;
	// Nobody says so much at once.
	now_ms += 1000;
	path_mtu_hear(p, &m, now_ms);
}

static void say_good(struct path_mtu *p, unsigned tunnel, uint32_t mtu)
{
	struct word word = good(tunnel, mtu);

	say(p, &word);
}

static void assert_mtu(unsigned tunnel, uint16_t mtu)
{
	const struct sa_out *sa = atomic_load(&tunnels[tunnel].out);

	assert_int_equal(tunnels[tunnel].path_mtu, mtu);
	assert_int_equal(sa_out_max_inner(sa), sa->proto->max_inner(sa->ipv6, mtu));
}

static void lowers(void **state)
{
	struct path_mtu *p = *state;
	struct word word = good(0, 1300);

	say(p, &word);
	assert_mtu(0, 1300);
	assert_int_equal(sa_out_max_inner(atomic_load(&tunnels[0].out)), 1300 - 52);
	assert_mtu(3, OWN_MTU);
	word = good(1, 1400);
	say(p, &word);
	assert_mtu(1, 1400);
	// Of tunnels with the same ends the one that has sent it.
	word = good(3, 1350);
	say(p, &word);
	assert_mtu(3, 1350);
	assert_mtu(0, 1300);
	// By another of the sender's windows, and by a router that quotes little.
	word = good(0, 1200);
	word.octets = 1300;
	word.window_id = 2;
	word.quoted = 8;
	word.spi = 0;
	say(p, &word);
	assert_mtu(0, 1200);
	assert_int_equal(path_mtu_stats(p)->lowered, 4);
	assert_int_equal(path_mtu_stats(p)->heard, 4);
}

static void assert_mss(unsigned tunnel, uint16_t ipv4, uint16_t ipv6)
{
	assert_int_equal(atomic_load(&tunnels[tunnel].mss.ipv4), ipv4);
	assert_int_equal(atomic_load(&tunnels[tunnel].mss.ipv6), ipv6);
}

// What TCP is told goes along, down and up again, unless it is configured.
static void tells_tcp(void **state)
{
	struct path_mtu *p = *state;

	assert_mss(0, 1448 - 40, 1448 - 60);
	say_good(p, 0, 1300);
	assert_mss(0, 1248 - 40, 1248 - 60);
	say_good(p, 0, 100);
	assert_mss(0, 576 - 52 - 40, 576 - 52 - 60);
	path_mtu_age(p, now_ms + TEN_MINUTES_MS);
	assert_mss(0, 1448 - 40, 1448 - 60);
	say_good(p, 1, 1300);
	assert_mtu(1, 1300);
	assert_mss(1, 1000, 1000);
	say_good(p, 3, 1300);
	assert_mtu(3, 1300);
	assert_mss(3, 0, 0);
}

// No lower than anybody can do with, whatever is said.
static void floors(void **state)
{
	struct path_mtu *p = *state;
	static const uint32_t tiny[] = {0, 1, 68, 575};

	for (unsigned i = 0; i < 4; i++) {
		struct word word = good(0, tiny[i]);

		tunnels[0].path_mtu = PORT_MTU;
		say(p, &word);
		assert_mtu(0, PATH_MTU_MIN4);
	}
	assert_int_equal(path_mtu_stats(p)->lowered, 4);
	for (unsigned i = 0; i < 4; i++) {
		struct word word = good(1, i == 3 ? 1279 : tiny[i]);

		say(p, &word);
		assert_mtu(1, PORT_MTU);
	}
	assert_int_equal(path_mtu_stats(p)->too_small, 4);
	say_good(p, 1, 1280);
	assert_mtu(1, 1280);
}

static void never_raises(void **state)
{
	struct path_mtu *p = *state;
	static const uint32_t large[] = {1300, 1301, 1500, 9000, 65535};

	say_good(p, 0, 1300);
	for (unsigned i = 0; i < 5; i++)
		say_good(p, 0, large[i]);
	assert_mtu(0, 1300);
	say_good(p, 1, UINT32_MAX);
	say_good(p, 1, 0x10000 + 1300);
	assert_mtu(1, PORT_MTU);
	assert_int_equal(path_mtu_stats(p)->not_lower, 7);
}

// The packet would have fitted, says the message itself.
static void contradicts_itself(void **state)
{
	struct path_mtu *p = *state;
	struct word word = good(0, 1300);

	word.octets = 1300;
	say(p, &word);
	assert_mtu(0, PORT_MTU);
	assert_int_equal(path_mtu_stats(p)->not_lower, 1);
}

static void forged(void **state)
{
	struct path_mtu *p = *state;
	const struct path_mtu_stats *stats = path_mtu_stats(p);

	for (unsigned tunnel = 0; tunnel < 2; tunnel++) {
		uint64_t before = stats->not_sent;
		struct word word = good(tunnel, 1300);

		word.spi ^= 1;
		say(p, &word);
		word = good(tunnel, 1300);
		word.seq = NEXT;
		say(p, &word);
		word.seq = NEXT + 1000;
		say(p, &word);
		word.seq = NEXT - SENT - 1;
		say(p, &word);
		word = good(tunnel, 1300);
		word.protocol = IP_PROTOCOL_UDP;
		say(p, &word);
		assert_int_equal(stats->not_sent, before + 5);
		before = stats->unknown_tunnel;
		word = good(tunnel, 1300);
		word.destination = tunnel == 0 ? "192.0.2.99" : "2001:db8::99";
		say(p, &word);
		word = good(tunnel, 1300);
		word.source = tunnel == 0 ? "192.0.2.99" : "2001:db8::99";
		say(p, &word);
		word.source = ends[tunnel].remote;
		word.destination = ends[tunnel].local;
		say(p, &word);
		assert_int_equal(stats->unknown_tunnel, before + 3);
		before = stats->malformed;
		word = good(tunnel, 1300);
		word.checksum_wrong = true;
		say(p, &word);
		word = good(tunnel, 1300);
		for (word.quoted = 0; word.quoted < 8; word.quoted++)
			say(p, &word);
		assert_int_equal(stats->malformed, before + 9);
		assert_mtu(tunnel, PORT_MTU);
	}
	assert_int_equal(stats->lowered, 0);
}

static void switched_off(void **state)
{
	struct path_mtu *p = *state;

	say_good(p, 2, 1300);
	assert_mtu(2, PORT_MTU);
	assert_int_equal(path_mtu_stats(p)->switched_off, 1);
}

static void tunnel_without_sa(void **state)
{
	struct path_mtu *p = *state;
	struct sa_out *out = atomic_exchange(&tunnels[1].out, NULL);

	say_good(p, 1, 1300);
	assert_int_equal(path_mtu_stats(p)->not_sent, 1);
	atomic_store(&tunnels[1].out, out);
}

// Ten minutes after the last lowering the tunnel tries again; raising needs no SA.
static void ages(void **state)
{
	struct path_mtu *p = *state;
	struct sa_out *out;

	say_good(p, 0, 1400);
	path_mtu_age(p, now_ms + TEN_MINUTES_MS - 1);
	assert_mtu(0, 1400);
	now_ms += TEN_MINUTES_MS - 2000;
	say_good(p, 0, 1300);
	path_mtu_age(p, now_ms + TEN_MINUTES_MS - 1);
	assert_mtu(0, 1300);
	path_mtu_age(p, now_ms + TEN_MINUTES_MS);
	assert_mtu(0, PORT_MTU);
	assert_int_equal(path_mtu_stats(p)->restored, 1);
	path_mtu_age(p, now_ms + 2 * TEN_MINUTES_MS);
	assert_int_equal(path_mtu_stats(p)->restored, 1);
	say_good(p, 3, 1400);
	path_mtu_age(p, now_ms + TEN_MINUTES_MS);
	assert_mtu(3, OWN_MTU);
	say_good(p, 0, 1300);
	assert_mtu(0, 1300);
	out = atomic_exchange(&tunnels[0].out, NULL);
	path_mtu_age(p, now_ms + TEN_MINUTES_MS);
	assert_int_equal(tunnels[0].path_mtu, PORT_MTU);
	atomic_store(&tunnels[0].out, out);
}

static void route(struct path_mtu *p, unsigned tunnel, uint16_t mtu)
{
	links[tunnel] = mtu;
	path_mtu_before_routes(p, NULL);
	path_mtu_after_routes(p, NULL);
}

// The route to the other end moves to other links, by which as much goes as they take.
static void follows_routes(void **state)
{
	struct path_mtu *p = *state;
	const struct path_mtu_stats *stats = path_mtu_stats(p);

	memset(links, 0, sizeof(links));
	route(p, 0, 1400);
	assert_mtu(0, 1400);
	assert_mss(0, 1348 - 40, 1348 - 60);
	assert_int_equal(stats->rerouted, 2); // the last has the same ends
	assert_mtu(3, 1400);
	assert_mtu(1, PORT_MTU);
	assert_mtu(2, PORT_MTU);
	// Without a route the next one may be the same again.
	route(p, 0, 0);
	assert_mtu(0, 1400);
	route(p, 0, 1470);
	assert_mtu(0, 1470);
	assert_mtu(3, OWN_MTU);
	route(p, 0, 9000);
	assert_mtu(0, PORT_MTU);
	assert_mss(0, 1448 - 40, 1448 - 60);
	assert_mtu(3, OWN_MTU);
	assert_int_equal(stats->rerouted, 5);
	// Also where routers are not believed, and over IPv6.
	route(p, 1, 1280);
	route(p, 2, 1300);
	assert_mtu(1, 1280);
	assert_mtu(2, 1300);
	assert_int_equal(stats->lowered, 0);
}

// Nothing is sent by a link that it does not fit, at no moment.
static void lowers_before_and_raises_after(void **state)
{
	struct path_mtu *p = *state;

	memset(links, 0, sizeof(links));
	links[0] = 1400;
	path_mtu_before_routes(p, NULL);
	assert_mtu(0, 1400);
	path_mtu_after_routes(p, NULL);
	assert_mtu(0, 1400);
	links[0] = 1500;
	path_mtu_before_routes(p, NULL);
	assert_mtu(0, 1400);
	path_mtu_after_routes(p, NULL);
	assert_mtu(0, 1500);
}

// What routers said goes, and the link is as small as before.
static void routes_and_routers(void **state)
{
	struct path_mtu *p = *state;

	memset(links, 0, sizeof(links));
	say_good(p, 0, 1300);
	route(p, 0, 1400);
	assert_mtu(0, 1300);
	route(p, 0, 1280);
	assert_mtu(0, 1280);
	route(p, 0, 1400);
	assert_mtu(0, 1300);
	path_mtu_age(p, now_ms + TEN_MINUTES_MS);
	assert_mtu(0, 1400);
	say_good(p, 0, 1400);
	assert_int_equal(path_mtu_stats(p)->not_lower, 1);
	say_good(p, 0, 1350);
	route(p, 0, 1500);
	assert_mtu(0, 1350);
	path_mtu_age(p, now_ms + 2 * TEN_MINUTES_MS);
	assert_mtu(0, PORT_MTU);
}

static void say_often(struct path_mtu *p, const struct word *word)
{
	for (unsigned i = 0; i < 1000; i++) {
		say(p, word);
		now_ms -= 1000;
	}
}

// Forged messages, however many, keep none from being heard that is not.
static void flood(void **state)
{
	struct path_mtu *p = *state;
	const struct path_mtu_stats *stats = path_mtu_stats(p);
	struct word word = good(0, 1300);

	word.spi ^= 1;
	say_often(p, &word);
	assert_int_equal(stats->heard, 1000);
	assert_int_equal(stats->not_sent, 1000);
	say_good(p, 0, 1400);
	assert_mtu(0, 1400);
}

// Those that a guess could have made are few, and hide none of the others.
static void guesses(void **state)
{
	struct path_mtu *p = *state;
	const struct path_mtu_stats *stats = path_mtu_stats(p);
	struct word word = good(0, 1300);

	word.quoted = 8;
	word.seq = NEXT + 1000;
	say_often(p, &word);
	assert_in_range(stats->not_sent, 1, 20);
	assert_int_equal(stats->not_sent + stats->limited, 1000);
	now_ms -= 1000;
	say_good(p, 0, 1400);
	assert_mtu(0, 1400);
	say_good(p, 1, 1300);
	assert_mtu(1, 1300);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lowers),
		TEST(tells_tcp),
		TEST(floors),
		TEST(never_raises),
		TEST(contradicts_itself),
		TEST(forged),
		TEST(switched_off),
		TEST(tunnel_without_sa),
		TEST(ages),
		TEST(follows_routes),
		TEST(lowers_before_and_raises_after),
		TEST(routes_and_routers),
		TEST(flood),
		TEST(guesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
