// Liveness of one tunnel with a probe and a route. Its neighbours in the program are the test's
// own.
#pragma once

#include "ctl/gateway.h"
#include "ctl/liveness.h"
#include "proto/icmp_echo.h"

#include <stdbool.h>
#include <stdint.h>

#define WAN 1
#define TUNNEL 3
#define INTERVAL_MS 1
#define MISSES 3
#define ANSWERS 2

struct buffer {
	struct rte_mbuf m;
	struct meta meta; // where rte_mbuf_to_priv looks
	uint8_t room[256];
};

extern struct gateway gateway;
extern struct tunnel tunnel;
extern struct tunnel *places[TUNNEL + 1]; // the gateway's
extern struct config_tunnel config_tunnel;
extern struct sa_out out; // the tunnel's, unless a test takes it away
extern struct policy policy;
extern struct liveness *liveness;

// What the neighbours say.
extern bool local_there, has_policy;
extern unsigned wan_ifindex;
extern int route_refused; // an errno; 0: it is not

// What they were told.
extern struct icmp_echo asked; // the last one
extern unsigned injected, ups, downs;
extern unsigned added, removed, removed_from;
extern const char *hindered;

// Around each test: cmocka's setup and teardown.
int liveness_open(void **state);
int liveness_done(void **state);
#define LIVENESS_TEST(test) cmocka_unit_test_setup_teardown(test, liveness_open, liveness_done)

struct liveness_view view(void);
void ticks(unsigned n);
// Out of a tunnel, as the punt service has it. Returns the octets of the echo.
uint32_t arrive(struct buffer *heard, uint16_t index, const struct icmp_echo *echo);
// The answer to what was asked last, unless changed. Returns whether it was taken for one.
bool hear_from(uint16_t index, const struct icmp_echo *question);
bool hear(void);
