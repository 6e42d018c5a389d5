// vpereflect: sends measuring packets back to where they came from. The main thread waits and
// reports; EAL's worker lcores reflect.
#include "bench/cli.h"
#include "bench/traffic/counters.h"
#include "bench/traffic/device.h"
#include "bench/traffic/nap.h"
#include "bench/traffic/output.h"
#include "bench/traffic/program.h"
#include "bench/traffic/reflector.h"
#include "bench/traffic/signals.h"
#include "bench/traffic/ticks.h"

#include <errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define STEP_MS 20

struct options {
	const char *port;
	uint64_t frame_most;
	unsigned ranges;
	struct station_range range[STATION_RANGES];
	struct fault_plan fault;
	uint64_t duration_ns; // 0: until a signal
	bool backoff;
	bool quiet;
	const char *json;
};

struct worker {
	const struct options *options;
	struct reflector reflector;
};

static _Atomic bool stop;

static int set_answer(void *target, const char *value, struct error *err)
{
	struct options *o = target;
	struct ip_prefix prefix;
	unsigned host_bits;

	if (ip_prefix_parse(value, &prefix) != 0)
		return error_set(err, EINVAL,
			"'%s': an address or a prefix without host bits is wanted", value);
	host_bits = (unsigned)ip_addr_octets(prefix.addr.family) * 8 - prefix.length;
	if (host_bits > 31)
		return error_set(err, EINVAL, "'%s': at most 2^31 addresses", value);
	if (o->ranges == STATION_RANGES)
		return error_set(err, EINVAL, "at most %u of them", STATION_RANGES);
	o->range[o->ranges++] = (struct station_range){prefix.addr, 1u << host_bits};
	return 0;
}

#define AT(member) .at = offsetof(struct options, member)
#define NUMBER(member, from, to) .kind = CLI_NUMBER, AT(member), .least = (from), .most = (to)

static const struct cli_option rows[] = {
	{"port", "PORT", "DPDK port, by name or number (0)", CLI_TEXT, AT(port)},
	{"answer", "PREFIX", "addresses to answer ARP and neighbour discovery for; may be repeated",
		.kind = CLI_OTHER, .set = set_answer},
	{"frame", "N", "octets of the largest frame without FCS (1514)",
		NUMBER(frame_most, 64, DEVICE_FRAME_MAX)},
	{"lose-every", "N", "lose every Nth packet", NUMBER(fault.lose_every, 2, UINT32_MAX)},
	{"double-every", "N", "send every Nth packet twice",
		NUMBER(fault.double_every, 2, UINT32_MAX)},
	{"swap-every", "N", "send every Nth packet behind the next one",
		NUMBER(fault.swap_every, 2, UINT32_MAX)},
	{"duration", "SECONDS", "how long (until SIGINT or SIGTERM)", CLI_SECONDS, AT(duration_ns)},
	{"idle", "poll|backoff", "what lcores with nothing to do do (poll)", CLI_IDLE, AT(backoff)},
	{"json", "FILE", "where the result goes (standard output)", CLI_TEXT, AT(json)},
	{"quiet", NULL, "no progress", CLI_FLAG, AT(quiet)},
};

static const struct cli cli = {
	.program = "vpereflect",
	.purpose = "Sends packets back to where they came from.",
	.eal = true,
	.n = sizeof(rows) / sizeof(rows[0]),
	.option = rows,
};

static int work(void *argument)
{
	struct worker *w = argument;
	struct nap nap = {.idle = w->options->backoff};

	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		nap_turn(&nap, reflector_turn(&w->reflector));
	fault_stop(&w->reflector.fault);
	return 0;
}

static struct worker *create_workers(
	const struct options *o, const struct device *device, unsigned n)
{
	struct worker *workers =
		aligned_alloc(CACHE_LINE, RTE_ALIGN(n * sizeof(*workers), CACHE_LINE));

	for (unsigned i = 0; workers != NULL && i < n; i++) {
		struct reflector *r = &workers[i].reflector;

		workers[i] = (struct worker){.options = o};
		r->device = device->id;
		r->queue = (uint16_t)i;
		r->pool = device->rx_pool;
		r->fault.plan = o->fault;
		r->faulty = o->fault.lose_every | o->fault.double_every | o->fault.swap_every;
		r->station.ranges = o->ranges;
		memcpy(r->station.mac, device->mac, sizeof(r->station.mac));
		memcpy(r->station.range, o->range, sizeof(o->range));
	}
	return workers;
}

struct sums {
	struct reflector_counters counters;
	struct fault_counters fault;
};

static struct sums sum_up(const struct worker *workers, unsigned n)
{
	struct sums sums = {0};

	for (unsigned i = 0; i < n; i++) {
		const struct reflector *r = &workers[i].reflector;

		counters_add(&sums.counters, &r->counters, sizeof(sums.counters));
		counters_add(&sums.fault, &r->fault.counters, sizeof(sums.fault));
	}
	return sums;
}

static void watch(const struct options *o, const struct worker *workers, unsigned n)
{
	uint64_t hz = rte_get_tsc_hz();
	uint64_t start = rte_rdtsc();
	uint64_t length = ticks_of_ns(o->duration_ns);
	uint64_t next = start + hz;
	uint64_t before = 0;
	uint64_t now = start;

	while (!signals_wait(STEP_MS) && (length == 0 || now - start < length)) {
		now = rte_rdtsc();
		if (now < next)
			continue;
		next += hz;
		if (!o->quiet) {
			uint64_t reflected = sum_up(workers, n).counters.reflected;

			fprintf(stderr, "%7.1f s  reflected %lu\n",
				ticks_to_s((double)(now - start)), reflected - before);
			before = reflected;
		}
	}
}

static json_t *result(const struct sums *s, const struct device *device)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I}, s:o}",
		"program", "vpereflect", "version", VPED_VERSION, "received",
		(json_int_t)s->counters.received, "octets", (json_int_t)s->counters.octets,
		"reflected", (json_int_t)s->counters.reflected, "port_full",
		(json_int_t)s->counters.full, "answers", (json_int_t)s->counters.answers, "other",
		(json_int_t)s->counters.other, "faults", "lost", (json_int_t)s->fault.lost,
		"doubled", (json_int_t)s->fault.doubled, "swapped", (json_int_t)s->fault.swapped,
		"ports", output_ports(device, 1));
}

static int run_workers(
	const struct options *o, struct device *device, unsigned n, struct error *err)
{
	struct worker *workers = create_workers(o, device, n);
	struct sums sums;
	unsigned lcore;
	unsigned i = 0;

	if (workers == NULL)
		return error_set(err, ENOMEM, "no memory for %u workers", n);
	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		rte_eal_remote_launch(work, &workers[i++], lcore);
	}
	if (!o->quiet)
		fprintf(stderr, "vpereflect: ready: port %s, %u queues\n", device->name, n);
	watch(o, workers, n);
	atomic_store(&stop, true);
	rte_eal_mp_wait_lcore();
	sums = sum_up(workers, n);
	free(workers);
	return output_write(result(&sums, device), o->json, err);
}

static int reflect(const void *target, struct error *err)
{
	const struct options *o = target;
	struct device device = {0};
	struct device_params params = {
		.queues = (uint16_t)(rte_lcore_count() - 1),
		.frame_most = (uint16_t)o->frame_most,
	};
	int rc;

	if (params.queues == 0)
		return error_set(
			err, EINVAL, "there is no worker lcore: EAL's --lcores 0@0,1@1 gives one");
	rc = device_find(o->port, &device, err);
	if (rc == 0)
		rc = device_open(&device, &params, err);
	if (rc == 0)
		rc = run_workers(o, &device, params.queues, err);
	device_close(&device);
	return rc;
}

static int parse(int argc, char **argv, void *target, int *eal_argc, struct error *err)
{
	return cli_parse(&cli, argc, argv, target, eal_argc, err);
}

int main(int argc, char **argv)
{
	static struct options options = {.port = "0", .frame_most = 1514};
	static const struct program program = {
		.name = "vpereflect", .options = &options, .parse = parse, .run = reflect};

	return program_main(&program, argc, argv);
}
