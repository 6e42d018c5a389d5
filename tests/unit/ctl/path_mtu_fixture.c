// Messages are written by hand, octet by octet.
#include "path_mtu_fixture.h"

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

#define SPI 0xc0000001

static const uint16_t encrypt_index[] = {0, 1};
static const uint16_t encrypt[] = {0, 1};
static const struct sa_workers workers = {
	.n = 2, .encrypt_n = 2, .encrypt_index = encrypt_index, .encrypt = encrypt};

static const struct {
	bool pmtu_discovery;
	uint16_t tcp_mss;
	uint16_t mtu;
} settings[TUNNELS] = {
	{true, CONFIG_TCP_MSS_TUNNEL, PORT_MTU},
	{true, 1000, PORT_MTU},
	{false, CONFIG_TCP_MSS_TUNNEL, PORT_MTU},
	{true, 0, OWN_MTU},
};
static struct dataplane dp = {.ports = 1, .port = {{.mtu = PORT_MTU}}, .workers = 2};
struct tunnel tunnels[TUNNELS];
struct tunnel *tunnel_places[TUNNELS];
static struct gateway gateway = {.dp = &dp, .tunnels = TUNNELS, .tunnel = tunnel_places};
uint64_t now_ms;

const struct tunnel_ends ends[TUNNELS] = {
	{&vpe_ops, "192.0.2.1", "192.0.2.2"},
	{&esp_ops, "2001:db8::1", "2001:db8::2"},
	{&esp_ops, "192.0.2.1", "192.0.2.3"},
	{&esp_ops, "192.0.2.1", "192.0.2.2"},
};

uint16_t links[TUNNELS];

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

int path_mtu_open(void **state)
{
	struct path_mtu *made;

	memset(links, 0, sizeof(links));
	for (unsigned i = 0; i < TUNNELS; i++) {
		memset(&tunnels[i], 0, sizeof(tunnels[i]));
		tunnels[i].index = (uint16_t)i;
		assert_int_equal(ip_addr_parse(ends[i].local, &tunnels[i].local), 0);
		assert_int_equal(ip_addr_parse(ends[i].remote, &tunnels[i].remote), 0);
		tunnels[i].proto = ends[i].proto;
		tunnels[i].tcp_mss = settings[i].tcp_mss;
		tunnels[i].pmtu_discovery = settings[i].pmtu_discovery;
		tunnel_places[i] = &tunnels[i];
		atomic_store(&tunnels[i].out, make_out(i));
		tunnels[i].limits =
			(struct tunnel_limits){settings[i].mtu, UINT16_MAX, UINT16_MAX, 0};
		tunnel_mtu_apply(&tunnels[i]);
	}
	gateway.events = event_base_new();
	assert_int_equal(path_mtu_create(&gateway, &made), 0);
	now_ms = limiter_now_ms();
	*state = made;
	return 0;
}

int path_mtu_finish(void **state)
{
	path_mtu_destroy(*state);
	event_base_free(gateway.events);
	for (unsigned i = 0; i < TUNNELS; i++)
		free(atomic_load(&tunnels[i].out));
	return 0;
}

struct word good(unsigned tunnel, uint32_t mtu)
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

void say(struct path_mtu *p, const struct word *word)
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
	now_ms += 1000;
	path_mtu_hear(p, &m, now_ms);
}

void say_good(struct path_mtu *p, unsigned tunnel, uint32_t mtu)
{
	struct word word = good(tunnel, mtu);

	say(p, &word);
}

void assert_mtu(unsigned tunnel, uint16_t mtu)
{
	const struct sa_out *sa = atomic_load(&tunnels[tunnel].out);

	assert_int_equal(tunnels[tunnel].path_mtu, mtu);
	assert_int_equal(sa_out_max_inner(sa), sa->proto->max_inner(sa->ipv6, mtu));
}
