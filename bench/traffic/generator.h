// A run of vpegen: ports, workers on EAL's lcores, and what they have counted so far.
#pragma once

#include "bench/traffic/device.h"
#include "bench/traffic/receiver.h"
#include "bench/traffic/sender.h"
#include "bench/traffic/vpegen_options.h"

#include <stdatomic.h>

struct generator;

struct generator_worker {
	struct generator *generator;
	bool sends;
	struct sender sender;
	unsigned receivers; // ports: the one that receives, then the one that sends
	struct receiver receiver[2];
	struct tracks tracks;
	struct histogram latency;
	_Atomic bool sent; // all of its packets
};

struct generator {
	const struct vpegen_options *options;
	struct flow_plan plan;
	unsigned devices;
	struct device device[2]; // the one that sends, then the one that receives if another
	unsigned senders;
	unsigned workers;
	struct generator_worker *worker;
	_Atomic bool stop_sending;
	_Atomic bool stop;
	uint64_t started; // TSC
};

// Ports opened, workers made. Must be followed by generator_destroy(), whatever it returns: 0 or
// -errno.
int generator_create(
	struct generator *generator, const struct vpegen_options *options, struct error *err);
// Waits for link, the gateway's MAC address, and the first packet that comes back; then makes the
// flows. give_up: asked between steps. 0 or -errno.
int generator_prepare(struct generator *generator, bool (*give_up)(void), struct error *err);
// Starts the workers.
int generator_start(struct generator *generator, struct error *err);
// All packets of --count are sent.
bool generator_sent_all(const struct generator *generator);
// Waits for the workers' end after stop is set.
void generator_join(struct generator *generator);
void generator_destroy(struct generator *generator);
