// One tunnel's probe, and the routes that depend on it. Internal to liveness.
#pragma once

#include "ctl/kernel_route.h"
#include "ctl/liveness.h"
#include "proto/icmp_echo.h"

#include <time.h>

// Questions whose answers still count. An answer may come later than the next question goes.
#define PROBE_OPEN 8

struct question {
	uint8_t nonce[ICMP_ECHO_NONCE];
	uint64_t asked_us;
	bool open;
};

struct probe_route {
	bool ours;	  // put there by us, and not taken away since, though the kernel may have
	bool told;	  // of what is wrong
	int wrong;	  // errno, or 0
	unsigned ifindex; // where it was put: the tunnel may have another port since
};

struct probe {
	struct liveness *liveness;
	struct tunnel *tunnel;
	struct config_probe settings;
	struct event *tick;
	enum liveness_state state;
	struct timespec since; // CLOCK_REALTIME
	const char *hindered;
	bool asking;	  // an answer is to be expected, or its want to be blamed
	bool heard;	  // since the last tick
	unsigned silent;  // ticks in a row without an answer
	unsigned answers; // ticks in a row with one
	uint16_t id;
	uint16_t seq; // of the last question
	struct question question[PROBE_OPEN];
	uint64_t asked;
	uint64_t answered;
	uint32_t rtt_us;
	struct probe_route route[CONFIG_PROBE_ROUTES_MAX];
	uint64_t routes_ms; // when they were looked at last
	bool named;
};

struct liveness {
	struct gateway *gateway;
	struct mnl_socket *requests;
	struct probe **probe;
	unsigned n;
	unsigned room;
};

// The first question goes after so long, the others follow by themselves. 0 or -ENOMEM.
int probe_start(struct probe *probe, uint32_t delay_ms);
// The next question goes an interval from now, whatever it was to be.
void probe_continue(struct probe *probe);
// Sees to it that the probe's routes are there, or are not, as its state says. The kernel is asked
// for those that should be there once a second at most, unless `now`.
void probe_routes_keep(struct probe *probe, bool now);
// Takes those away that next does not have; NULL: all.
void probe_routes_drop(struct probe *probe, const struct config_probe *next);
