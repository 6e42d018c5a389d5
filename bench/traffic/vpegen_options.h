// What vpegen is told on its command line.
#pragma once

#include "bench/traffic/flow.h"
#include "bench/traffic/pace.h"

struct vpegen_options {
	const char *port;	  // DPDK's name or number
	const char *receive_port; // NULL: the same
	struct ip_addr source;	  // the first one
	struct ip_addr destination;
	uint64_t sources;
	uint64_t destinations;
	uint64_t destination_port;
	uint64_t flows;
	struct ip_addr gateway; // who is asked for its MAC address; family IP_NONE: the destination
	struct ip_addr address; // who asks; family IP_NONE: the source
	bool mac_known;		// gateway_mac is given: nobody is asked
	uint8_t gateway_mac[6];
	const char *sizes_text;
	const char *dscp_text;
	struct mix sizes;
	struct mix dscp;
	struct pace_rate rate;
	uint64_t duration_ns; // 0: no limit
	uint64_t count;	      // 0: no limit
	uint64_t burst;
	uint64_t senders; // lcores that only send, the others only receive; 0: all do both
	uint64_t window;
	bool verify;
	bool offload;
	bool no_probe;
	bool backoff;
	bool quiet;
	bool per_flow;
	uint64_t wait_ns;
	uint64_t drain_ns;
	const char *json; // NULL: standard output
};

// As cli_parse(); target: a struct vpegen_options.
int vpegen_options_parse(int argc, char **argv, void *target, int *eal_argc, struct error *err);
