// A run of vpegen: putting it together, its workers, taking it apart.
#include "bench/traffic/generator.h"

#include "bench/traffic/nap.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <stdlib.h>
#include <sys/random.h>

// A sender that was kept from its work makes up for this many bursts.
#define CATCH_UP_BURSTS 2

static void fill_plan(struct generator *g)
{
	const struct vpegen_options *o = g->options;
	uint16_t tag = 0;

	// What is late from another run must not be taken for ours.
	if (getrandom(&tag, sizeof(tag), 0) != sizeof(tag))
		tag = (uint16_t)rte_rdtsc();
	g->plan = (struct flow_plan){
		.flows = (uint32_t)o->flows,
		.source = o->source,
		.destination = o->destination,
		.sources = (uint32_t)o->sources,
		.destinations = (uint32_t)o->destinations,
		.destination_port = (uint16_t)o->destination_port,
		.dscp = &o->dscp,
		.tag = tag,
	};
	memcpy(g->plan.source_mac, g->device[0].mac, 6);
	memcpy(g->plan.destination_mac, o->gateway_mac, 6);
}

static uint16_t largest_frame(const struct mix *sizes)
{
	uint16_t most = 0;

	for (unsigned i = 0; i < sizes->n; i++)
		most = RTE_MAX(most, sizes->value[i]);
	return most;
}

static int open_devices(struct generator *g, struct error *err)
{
	const struct vpegen_options *o = g->options;
	struct device_params params = {
		.queues = (uint16_t)g->workers,
		.frame_most = largest_frame(&o->sizes),
		.offload = o->offload,
	};
	int rc = device_find(o->port, &g->device[0], err);

	g->devices = 1;
	if (rc == 0 && o->receive_port != NULL) {
		rc = device_find(o->receive_port, &g->device[1], err);
		if (rc == 0 && g->device[1].id != g->device[0].id)
			g->devices = 2;
	}
	for (unsigned i = 0; i < g->devices && rc == 0; i++) {
		rc = device_open(&g->device[i], &params, err);
		params.offload = false; // only one sends measuring packets
	}
	return rc;
}

static void set_station(struct station *s, const struct generator *g, unsigned device)
{
	const struct vpegen_options *o = g->options;

	memcpy(s->mac, g->device[device].mac, 6);
	// What comes in at the other port was sent to the destinations.
	if (device == 1) {
		s->range[s->ranges++] =
			(struct station_range){o->destination, (uint32_t)o->destinations};
		return;
	}
	s->range[s->ranges++] = (struct station_range){o->source, (uint32_t)o->sources};
	if (o->address.family != IP_NONE)
		s->range[s->ranges++] = (struct station_range){o->address, 1};
}

static void add_receiver(struct generator *g, struct generator_worker *w, unsigned device)
{
	struct receiver *r = &w->receiver[w->receivers++];

	*r = (struct receiver){
		.device = g->device[device].id,
		.queue = (uint16_t)(w - g->worker),
		.v6 = g->plan.source.family == IP_V6,
		.verify = g->options->verify,
		.tag = g->plan.tag,
		.flows = g->plan.flows,
		.pool = g->device[device].rx_pool,
		.tracks = &w->tracks,
		.latency = &w->latency,
	};
	set_station(&r->station, g, device);
}

static void set_sender(struct generator *g, struct generator_worker *w, unsigned index)
{
	const struct vpegen_options *o = g->options;

	w->sends = true;
	w->sender = (struct sender){
		.device = g->device[0].id,
		.queue = (uint16_t)index,
		.v6 = g->plan.source.family == IP_V6,
		.offload = o->offload,
		.burst = (uint16_t)o->burst,
		.pool = g->device[0].tx_pool,
		.sizes = &o->sizes,
		.left = UINT64_MAX,
	};
	if (o->count != 0)
		w->sender.left = o->count / g->senders + (index < o->count % g->senders);
}

static int create_workers(struct generator *g, struct error *err)
{
	const struct vpegen_options *o = g->options;
	int rc = 0;

	g->worker =
		aligned_alloc(CACHE_LINE, RTE_ALIGN(g->workers * sizeof(*g->worker), CACHE_LINE));
	if (g->worker == NULL)
		return error_set(err, ENOMEM, "no memory for %u workers", g->workers);
	memset(g->worker, 0, g->workers * sizeof(*g->worker));
	for (unsigned i = 0; i < g->workers && rc == 0; i++) {
		struct generator_worker *w = &g->worker[i];

		w->generator = g;
		if (i < g->senders)
			set_sender(g, w, i);
		if (o->senders != 0 && i < g->senders)
			continue;
		add_receiver(g, w, g->devices - 1);
		if (g->devices == 2)
			add_receiver(g, w, 0);
		rc = tracks_create(&w->tracks, g->plan.flows, (unsigned)o->window);
	}
	return rc == 0 ? 0 : error_set(err, -rc, "no memory for %u flows", g->plan.flows);
}

int generator_create(struct generator *g, const struct vpegen_options *options, struct error *err)
{
	unsigned workers = rte_lcore_count() - 1;
	int rc;

	*g = (struct generator){.options = options, .workers = workers};
	g->senders = options->senders != 0 ? (unsigned)options->senders : workers;
	if (workers == 0)
		return error_set(
			err, EINVAL, "there is no worker lcore: EAL's --lcores 0@0,1@1 gives one");
	if (options->senders >= workers && options->senders != 0)
		return error_set(
			err, EINVAL, "--senders: %u worker lcores leave none to receive", workers);
	if (options->flows < g->senders)
		return error_set(err, EINVAL, "--flows: each of %u senders wants one", g->senders);
	rc = open_devices(g, err);
	if (rc != 0)
		return rc;
	fill_plan(g);
	return create_workers(g, err);
}

static int work(void *argument)
{
	struct generator_worker *w = argument;
	struct generator *g = w->generator;
	struct nap nap = {.idle = g->options->backoff};

	while (!atomic_load_explicit(&g->stop, memory_order_relaxed)) {
		unsigned n = 0;

		if (w->sends && !atomic_load_explicit(&w->sent, memory_order_relaxed)) {
			n += sender_turn(&w->sender);
			if (sender_done(&w->sender) || atomic_load(&g->stop_sending)) {
				sender_stop(&w->sender);
				atomic_store(&w->sent, true);
			}
		}
		for (unsigned i = 0; i < w->receivers; i++)
			n += receiver_turn(&w->receiver[i]);
		nap_turn(&nap, n);
	}
	return 0;
}

static void start_pace(struct generator *g, unsigned index)
{
	struct sender *s = &g->worker[index].sender;
	const struct pace_rate *rate = &g->options->rate;
	uint32_t each = rate->unit == PACE_OCTETS ? largest_frame(s->sizes) : 1;

	pace_start(&s->pace, rate, index, g->senders, rte_get_tsc_hz(), g->started);
	s->catch_up = (s->pace.step * each * s->burst * CATCH_UP_BURSTS) >> PACE_FRACTION_BITS;
}

int generator_start(struct generator *g, struct error *err)
{
	unsigned lcore;
	unsigned i = 0;
	int rc = 0;

	g->started = rte_rdtsc();
	for (unsigned s = 0; s < g->senders; s++)
		start_pace(g, s);
	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		if (rc == 0)
			rc = rte_eal_remote_launch(work, &g->worker[i++], lcore);
	}
	return rc == 0 ? 0 : error_set(err, -rc, "starting workers: %s", strerror(-rc));
}

void generator_join(struct generator *g)
{
	rte_eal_mp_wait_lcore();
	for (unsigned i = 0; i < g->senders; i++)
		sender_stop(&g->worker[i].sender);
}

bool generator_sent_all(const struct generator *g)
{
	for (unsigned i = 0; i < g->senders; i++) {
		if (!atomic_load(&g->worker[i].sent))
			return false;
	}
	return true;
}

void generator_destroy(struct generator *g)
{
	for (unsigned i = 0; g->worker != NULL && i < g->workers; i++) {
		sender_destroy(&g->worker[i].sender);
		tracks_destroy(&g->worker[i].tracks);
	}
	free(g->worker);
	for (unsigned i = 0; i < RTE_DIM(g->device); i++)
		device_close(&g->device[i]);
}
