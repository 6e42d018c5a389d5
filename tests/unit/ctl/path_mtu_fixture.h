// A gateway with tunnels, and routers that say what of them was too big.
#pragma once

#include "ctl/gateway.h"
#include "ctl/path_mtu.h"

#define PORT_MTU 1500
#define OWN_MTU 1450		   // of the last tunnel
#define NEXT UINT64_C(0x300001000) // sequence number
#define SENT 0x800		   // packets, by each worker
#define TUNNELS 4
#define TEN_MINUTES_MS 600000

struct tunnel_ends {
	const struct proto_ops *proto;
	const char *local;
	const char *remote;
};

// The first goes by VPE, the others by ESP; the second has IPv6 outside; the third does not believe
// routers; the last has the ends of the first.
extern const struct tunnel_ends ends[TUNNELS];
extern struct tunnel tunnels[TUNNELS];
// Where the gateway finds them; NULL: it has none there.
extern struct tunnel *tunnel_places[TUNNELS];
// By tunnel: what the link takes that its route leads to; 0: it has no route.
extern uint16_t links[TUNNELS];
// Of the messages.
extern uint64_t now_ms;

// Setup and teardown; *state is the struct path_mtu.
int path_mtu_open(void **state);
int path_mtu_finish(void **state);
#define PATH_MTU_TEST(f) cmocka_unit_test_setup_teardown(f, path_mtu_open, path_mtu_finish)

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

struct word good(unsigned tunnel, uint32_t mtu);
// A second after the one before.
void say(struct path_mtu *p, const struct word *word);
void say_good(struct path_mtu *p, unsigned tunnel, uint32_t mtu);

void assert_mtu(unsigned tunnel, uint16_t mtu);
