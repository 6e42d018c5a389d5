// TCP's maximum segment size on its way into a tunnel and out of one.
#include "out_flows.h"

#define MSS4 1408
#define MSS6 1388

struct segment {
	const char *source;
	const char *destination;
	uint16_t fragment;
	uint8_t protocol;
	uint8_t flags;
};

// 60 octets of TCP: a header of 24, the option at its end.
static uint32_t make(const struct segment *s, uint16_t mss, uint8_t *packet)
{
	bool ipv6 = addr_of(s->source).family == IP_V6;
	struct flow flow = {.source = s->source,
		.destination = s->destination,
		.protocol = s->protocol,
		.fragment = s->fragment,
		.number = 7,
		.octets = 124};
	uint32_t octets = packet_make(&flow, packet);
	uint8_t *tcp = packet + (ipv6 ? 40 : 20) + (ipv6 && s->fragment != 0 ? 8 : 0);
	uint32_t sum;

	tcp[12] = 6 << 4;
	tcp[13] = s->flags;
	tcp[20] = 2;
	tcp[21] = 4;
	store_be16(tcp + 22, mss);
	// Right but for the addresses, which stay the same.
	store_be16(tcp + 16, 0);
	sum = checksum_sum(tcp, octets - (uint32_t)(tcp - packet));
	memcpy(tcp + 16, &(uint16_t){(uint16_t)~checksum_fold(sum)}, 2);
	return octets;
}

static const struct {
	struct segment out;
	bool lowered;
} cases[] = {
	{{"10.1.0.10", "10.100.0.5", 0, 6, 0x02}, true},
	{{"10.1.0.10", "10.100.0.5", 0, 6, 0x12}, true},
	{{"10.1.0.10", "10.100.0.5", 0, 6, 0xc2}, true},
	{{"10.1.0.10", "10.100.0.5", 0, 6, 0x10}, false},
	{{"10.1.0.10", "10.100.0.5", 0, 17, 0x02}, false},
	{{"10.1.0.10", "10.100.0.5", 0x2000, 6, 0x02}, false},
	{{"10.1.0.10", "10.100.0.5", 10, 6, 0x02}, false},
	{{"fd01::10", "fd00:100::5", 0, 6, 0x02}, true},
	{{"fd01::10", "fd00:100::5", 0, 6, 0x12}, true},
	{{"fd01::10", "fd00:100::5", 0, 6, 0x18}, false},
	{{"fd01::10", "fd00:100::5", 1, 6, 0x02}, false},
	{{"fd01::10", "fd00:100::5", 10 << 3, 6, 0x02}, false},
};

static void both_ways(struct lab *lab, const struct segment *out, uint16_t before, uint16_t after)
{
	struct segment in = *out;
	uint8_t sent[PACKET_MAX];
	uint8_t right[PACKET_MAX];
	uint32_t octets = make(out, before, sent);

	make(out, after, right);
	packet_hop(right);
	lab_receive(lab, LAN, 0, frame_make(lab, LAN, sent, octets));
	lab_turn(lab, 0);
	expect_sealed(lab, 0, 0, right, octets);
	expect_out(lab, 0, 0, 1, octets);
	in.source = out->destination;
	in.destination = out->source;
	make(&in, before, sent);
	make(&in, after, right);
	packet_hop(right);
	lab_receive(lab, WAN, 0, peer_seal(lab, 0, 0, sent, octets));
	lab_turn(lab, 0);
	expect_sent(lab, LAN, 0, in.destination, right, octets);
	expect_in(lab, 0, 0, 1, octets);
}

static struct lab *clamping_tunnel(void **state, uint16_t ipv4, uint16_t ipv6)
{
	struct lab *lab = *state;

	lab_tunnel(lab, NULL);
	tcp_mss_set(&lab->tunnel[0].tunnel.mss, ipv4, ipv6);
	lab_protect(lab, 0);
	lab_publish(lab);
	return lab;
}

static void lowered(void **state)
{
	struct lab *lab = clamping_tunnel(state, MSS4, MSS6);

	for (unsigned i = 0; i < COUNT(cases); i++) {
		uint16_t most = addr_of(cases[i].out.source).family == IP_V4 ? MSS4 : MSS6;

		both_ways(lab, &cases[i].out, 1460, cases[i].lowered ? most : 1460);
		both_ways(lab, &cases[i].out, 1000, 1000);
	}
}

static void off(void **state)
{
	struct lab *lab = clamping_tunnel(state, 0, 0);

	for (unsigned i = 0; i < COUNT(cases); i++)
		both_ways(lab, &cases[i].out, 9000, 9000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(lowered, NULL),
		LAB_TEST(off, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
