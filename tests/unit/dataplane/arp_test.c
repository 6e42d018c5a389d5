// Which ARP questions the kernel gets.
#include "fixture.h"

#include "base/bytes.h"
#include "dataplane/punt.h"

#define OCTETS 46 // with the padding of the shortest frame

struct message {
	uint16_t operation;
	const char *sender;
	const char *target;
};

static void receive_octets(struct lab *lab, unsigned port, const uint8_t *arp, uint16_t octets)
{
	struct rte_mbuf *m = frame_make(lab, port, arp, octets);

	memset(rte_pktmbuf_mtod(m, void *), 0xff, 6);
	store_be16(rte_pktmbuf_mtod_offset(m, uint8_t *, 12), RTE_ETHER_TYPE_ARP);
	lab_receive(lab, port, 0, m);
	lab_turn(lab, 0);
}

static void receive(struct lab *lab, unsigned port, const struct message *message, uint16_t octets)
{
	uint8_t arp[OCTETS] = {0, 1, 8, 0, 6, 4, 0, 0, 2, 0, 0, 0, 0, 0x77};

	store_be16(arp + 6, message->operation);
	memcpy(arp + 14, addr_of(message->sender).octets, 4);
	memcpy(arp + 24, addr_of(message->target).octets, 4);
	receive_octets(lab, port, arp, octets);
}

static void expect_taken(struct lab *lab, unsigned port, enum punt_class class)
{
	struct rte_mbuf *m;

	expect_punt(lab, 0, port, class, 1);
	assert_int_equal(lab_punted(lab, &m, 1), 1);
	rte_pktmbuf_free(m);
}

static void taken(void **state)
{
	struct lab *lab = *state;
	static const struct message messages[] = {
		{1, "192.0.2.77", "192.0.2.1"},	  // for us
		{1, "192.0.2.77", "10.1.0.1"},	  // whether it is told, the kernel decides
		{1, "0.0.0.0", "192.0.2.1"},	  // is that address in use
		{1, "192.0.2.77", "192.0.2.77"},  // tells where it is
		{1, "192.0.2.1", "192.0.2.77"},	  // uses our address
		{1, "192.0.2.254", "192.0.2.77"}, // a neighbour
		{1, "192.0.2.66", "192.0.2.77"},  // one that did not answer
		{2, "192.0.2.77", "192.0.2.1"},
		{2, "192.0.2.77", "192.0.2.77"},
		{2, "192.0.2.77", "192.0.2.78"},
	};

	lab_neighbour(lab, "192.0.2.66", WAN, true);
	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(messages); i++) {
		receive(lab, WAN, &messages[i], OCTETS);
		expect_taken(lab, WAN, PUNT_newcomer);
	}
}

static void for_others(void **state)
{
	struct lab *lab = *state;
	static const struct message messages[] = {
		{1, "192.0.2.77", "192.0.2.78"},
		{1, "192.0.2.77", "192.0.2.254"},
		{1, "0.0.0.0", "192.0.2.78"},
		{1, "203.0.113.5", "192.0.2.78"}, // behind a neighbour
		{1, "10.1.0.10", "192.0.2.78"},	  // another port's neighbour
		{1, "192.0.2.77", "10.1.0.10"},
		{1, "192.0.2.77", "203.0.113.5"},
	};
	static const struct message on_lan = {1, "192.0.2.254", "10.1.0.10"};

	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(messages); i++) {
		receive(lab, WAN, &messages[i], OCTETS);
		expect_drop(lab, 0, WAN, DROP_arp_for_others, 1);
	}
	receive(lab, LAN, &on_lan, OCTETS);
	expect_drop(lab, 0, LAN, DROP_arp_for_others, 1);
	receive(lab, WAN, &messages[0], 28);
	expect_drop(lab, 0, WAN, DROP_arp_for_others, 1);
}

// Who is where the gateway knows it to be has limits of its own; who says so from elsewhere has
// not.
static void of_neighbours(void **state)
{
	struct lab *lab = *state;
	static const struct {
		const char *sender;
		const char *mac; // of this neighbour
		unsigned port;
		enum punt_class class;
	} cases[] = {
		{"192.0.2.254", "192.0.2.254", WAN, PUNT_neighbour},
		{"192.0.2.254", "192.0.2.253", WAN, PUNT_newcomer},
		{"192.0.2.253", "192.0.2.254", WAN, PUNT_newcomer},
		{"192.0.2.254", "192.0.2.254", LAN, PUNT_newcomer},
		{"10.1.0.10", "10.1.0.10", LAN, PUNT_neighbour},
		{"192.0.2.66", "192.0.2.66", WAN, PUNT_newcomer}, // it did not answer
		{"0.0.0.0", "192.0.2.254", WAN, PUNT_newcomer},
	};

	lab_neighbour(lab, "192.0.2.66", WAN, true);
	lab_publish(lab);
	for (unsigned i = 0; i < 2 * COUNT(cases); i++) {
		const uint8_t operation = (uint8_t)(1 + i % 2);
		uint8_t arp[OCTETS] = {0, 1, 8, 0, 6, 4, 0, operation};
		struct rte_ether_addr mac = mac_of(cases[i / 2].mac);

		memcpy(arp + 8, mac.addr_bytes, 6);
		memcpy(arp + 14, addr_of(cases[i / 2].sender).octets, 4);
		memcpy(arp + 24,
			addr_of(cases[i / 2].port == LAN ? "10.1.0.1" : "192.0.2.1").octets, 4);
		receive_octets(lab, cases[i / 2].port, arp, OCTETS);
		expect_taken(lab, cases[i / 2].port, cases[i / 2].class);
	}
}

// One octet of a question and of an answer for us that the kernel gets.
static void malformed(void **state)
{
	struct lab *lab = *state;
	static const uint8_t sound[OCTETS] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 0x77, 192, 0,
		2, 77, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1};
	static const struct {
		uint8_t at;
		uint8_t octet;
	} spoilt[] = {
		{0, 1},
		{1, 6},
		{2, 0x86},
		{3, 0xdd},
		{4, 8},
		{5, 16},
		{6, 1},
		{7, 0},
		{7, 3},
		{7, 8},	   // another operation
		{8, 3},	   // a group's MAC address
		{14, 127}, // loopback, multicast, broadcast
		{14, 224},
		{14, 255},
	};
	uint8_t arp[OCTETS];

	lab_publish(lab);
	for (uint8_t operation = 1; operation <= 2; operation++) {
		memcpy(arp, sound, OCTETS);
		arp[7] = operation;
		receive_octets(lab, WAN, arp, 28);
		expect_taken(lab, WAN, PUNT_newcomer);
		for (unsigned i = 0; i < COUNT(spoilt); i++) {
			memcpy(arp, sound, OCTETS);
			arp[7] = operation;
			arp[spoilt[i].at] = spoilt[i].octet;
			receive_octets(lab, WAN, arp, OCTETS);
			expect_drop(lab, 0, WAN, DROP_arp_malformed, 1);
		}
		memcpy(arp, sound, OCTETS);
		arp[7] = operation;
		memset(arp + 8, 0, 6); // nobody's MAC address
		receive_octets(lab, WAN, arp, OCTETS);
		expect_drop(lab, 0, WAN, DROP_arp_malformed, 1);
	}
	for (uint16_t octets = 0; octets < 28; octets++) {
		receive_octets(lab, WAN, sound, octets);
		expect_drop(lab, 0, WAN, DROP_arp_malformed, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(taken, NULL),
		LAB_TEST(for_others, NULL),
		LAB_TEST(of_neighbours, NULL),
		LAB_TEST(malformed, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
