// Whether the other ends of tunnels live, where the configuration asks for it: ICMP echo through
// the tunnel to an inner address of the other gateway's. Only what came out of the same tunnel
// counts as an answer, so nobody without its keys can make one. What follows from it: events, the
// log, and routes of the kernel's that are there unless the tunnel is down. Belongs to the control
// thread.
#pragma once

#include "base/error.h"
#include "ctl/config.h"

struct gateway;
struct liveness;
struct probe;
struct rte_mbuf;
struct tunnel;

enum liveness_state {
	LIVENESS_unknown, // not answered yet, nor given up
	LIVENESS_up,
	LIVENESS_down,
};

// "up".
const char *liveness_state_name(enum liveness_state state);

// What is known of one tunnel.
struct liveness_view {
	const struct config_probe *settings;
	enum liveness_state state;
	double since;	      // seconds since 1970
	const char *hindered; // why no question is asked now; NULL: it is
	uint64_t asked;
	uint64_t answered;
	uint32_t rtt_us;		       // of the last answer; 0: there was none
	bool present[CONFIG_PROBE_ROUTES_MAX]; // routes that vped has put there
	int wrong[CONFIG_PROBE_ROUTES_MAX];    // errno of those that the kernel refused, else 0
};

// Uses the gateway's events, dp, tunnels, host_if and config, which outlive it. 0 or -errno.
int liveness_create(struct gateway *gateway, struct liveness **created, struct error *err);
// Takes its routes away. NULL is fine.
void liveness_destroy(struct liveness *liveness);

// The gateway's configuration is another one. What it still says of a tunnel goes on; no tunnel
// that it does not name is touched afterwards.
void liveness_follow(struct liveness *liveness);

// m: META_PROBE. True: it was about liveness, and is gone; else it is the kernel's, and stays the
// caller's.
bool liveness_hear(struct liveness *liveness, struct rte_mbuf *m);

// false: nobody looks after this tunnel.
bool liveness_of(const struct tunnel *tunnel, struct liveness_view *view);
