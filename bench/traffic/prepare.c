// What happens before vpegen's workers start, in the main thread: the link comes up, the gateway
// says its MAC address, a first packet comes back.
#include "bench/traffic/generator.h"

#include <errno.h>
#include <rte_cycles.h>
#include <time.h>

#define REPEAT_NS UINT64_C(100000000)
#define STEP_NS 200000

struct waiting {
	uint64_t now_ns;
	uint64_t end_ns;
	uint64_t again_ns; // when to ask again
	bool (*give_up)(void);
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void wait_start(struct waiting *w, const struct generator *g, bool (*give_up)(void))
{
	*w = (struct waiting){.now_ns = clock_ns(), .give_up = give_up};
	w->end_ns = w->now_ns + g->options->wait_ns;
}

// False when the time is over.
static bool wait_step(struct waiting *w)
{
	static const struct timespec step = {.tv_nsec = STEP_NS};

	nanosleep(&step, NULL);
	w->now_ns = clock_ns();
	return w->now_ns < w->end_ns && !w->give_up();
}

static bool wait_again(struct waiting *w)
{
	if (w->now_ns < w->again_ns)
		return false;
	w->again_ns = w->now_ns + REPEAT_NS;
	return true;
}

static void receive_all(struct generator *g)
{
	for (unsigned i = 0; i < g->workers; i++) {
		for (unsigned r = 0; r < g->worker[i].receivers; r++)
			receiver_turn(&g->worker[i].receiver[r]);
	}
}

// Of the first worker that receives, on the port that sends.
static struct receiver *talker(struct generator *g)
{
	struct generator_worker *w = &g->worker[0];

	while (w->receivers == 0)
		w++;
	return &w->receiver[w->receivers - 1];
}

static int wait_link(struct generator *g, struct waiting *w, struct error *err)
{
	for (unsigned i = 0; i < g->devices; i++) {
		while (!device_link_up(&g->device[i])) {
			if (!wait_step(w))
				return error_set(err, ETIMEDOUT, "port %s: the link is down",
					g->device[i].name);
		}
	}
	return 0;
}

static const uint8_t *found_mac(const struct generator *g)
{
	for (unsigned i = 0; i < g->workers; i++) {
		for (unsigned r = 0; r < g->worker[i].receivers; r++) {
			if (g->worker[i].receiver[r].station.found)
				return g->worker[i].receiver[r].station.found_mac;
		}
	}
	return NULL;
}

static int resolve(struct generator *g, struct waiting *w, struct error *err)
{
	const struct vpegen_options *o = g->options;
	const struct ip_addr *gateway =
		o->gateway.family != IP_NONE ? &o->gateway : &o->destination;
	const struct ip_addr *own = o->address.family != IP_NONE ? &o->address : &o->source;
	uint8_t frame[STATION_FRAME_MAX];
	char text[IP_ADDR_TEXT];

	// The answer may come by any queue.
	for (unsigned i = 0; i < g->workers; i++) {
		for (unsigned r = 0; r < g->worker[i].receivers; r++)
			g->worker[i].receiver[r].station.asked = *gateway;
	}
	while (found_mac(g) == NULL) {
		if (wait_again(w))
			receiver_send(talker(g), frame,
				station_ask(&talker(g)->station, own, gateway, frame));
		receive_all(g);
		if (!wait_step(w))
			return error_set(err, ETIMEDOUT,
				"%s does not say its MAC address; --gateway-mac is for those "
				"that never do",
				ip_addr_format(gateway, text));
	}
	memcpy(g->plan.destination_mac, found_mac(g), 6);
	return 0;
}

static uint64_t probes_back(const struct generator *g)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < g->workers; i++) {
		for (unsigned r = 0; r < g->worker[i].receivers; r++)
			n += g->worker[i].receiver[r].counters.probes;
	}
	return n;
}

static int probe(struct generator *g, struct waiting *w, struct error *err)
{
	bool v6 = g->plan.source.family == IP_V6;
	uint16_t octets = (uint16_t)flow_frame_min(v6);
	uint8_t frame[FLOW_TEMPLATE_MAX + STAMP_OCTETS] = {0};
	struct flow flow;

	flow_init_probe(&flow, &g->plan);
	w->again_ns = 0;
	while (probes_back(g) == 0) {
		if (wait_again(w)) {
			flow_write(&flow, v6, false, frame, octets, flow.number++, 0);
			receiver_send(talker(g), frame, octets);
		}
		receive_all(g);
		if (!wait_step(w))
			return error_set(err, ETIMEDOUT,
				"%lu packets were sent and none came back; --no-probe is for those "
				"that do not come back",
				flow.number);
	}
	return 0;
}

int generator_prepare(struct generator *g, bool (*give_up)(void), struct error *err)
{
	struct waiting waiting;
	int rc;

	wait_start(&waiting, g, give_up);
	rc = wait_link(g, &waiting, err);
	if (rc == 0 && !g->options->mac_known)
		rc = resolve(g, &waiting, err);
	if (rc == 0 && !g->options->no_probe)
		rc = probe(g, &waiting, err);
	for (unsigned i = 0; i < g->senders && rc == 0; i++) {
		rc = sender_create_flows(&g->worker[i].sender, &g->plan, i, g->senders);
		if (rc != 0)
			error_set(err, -rc, "no memory for %u flows", g->plan.flows);
	}
	return rc;
}
