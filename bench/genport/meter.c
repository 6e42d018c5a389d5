// Measuring from inside a receive queue.
#include "bench/genport/meter.h"

#include "bench/samples.h"
#include "bench/switches.h"

#include <errno.h>
#include <rte_cycles.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

// A rest is slept in pieces, so that the program can stop in it.
#define NAP_US 2000

enum phase { PHASE_REST, PHASE_WARM, PHASE_BURST, PHASE_DONE };

struct reading {
	uint64_t received;
	uint64_t sent;
	uint64_t tsc;
	uint64_t cpu_ns;
	uint64_t wall_ns;
	uint64_t switches;
};

struct meter {
	struct meter_params params;
	uint16_t queue;
	enum phase phase;
	_Atomic bool done; // the queue's thread writes, whoever prints the result reads
	uint64_t next;
	uint64_t phase_start;
	uint64_t slice_start;
	uint64_t slice_received;
	uint64_t slice_switches;
	uint64_t slice_sent;
	struct reading start;
	unsigned slices;
	unsigned interrupted;
	double slice[METER_SLICES_MAX];
	double sent_rate[METER_SLICES_MAX];
	unsigned bursts;
	struct meter_burst burst[METER_BURSTS_MAX];
};

__thread uint64_t meter_sent __attribute__((tls_model("initial-exec")));

// When the first queue began: bursts of all queues go by this clock.
static _Atomic uint64_t epoch;

int meter_create(const struct meter_params *params, uint16_t queue, struct meter **created)
{
	struct meter *meter = calloc(1, sizeof(*meter));

	if (meter == NULL)
		return -ENOMEM;
	meter->params = *params;
	meter->queue = queue;
	*created = meter;
	return 0;
}

void meter_destroy(struct meter *meter)
{
	free(meter);
}

uint64_t meter_next(const struct meter *meter)
{
	return meter->next;
}

bool meter_is_done(const struct meter *meter)
{
	return atomic_load(&meter->done);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static uint64_t ms_in_tsc(uint64_t ms)
{
	return ms * (rte_get_tsc_hz() / 1000);
}

static struct reading read_all(uint64_t received)
{
	return (struct reading){
		.received = received,
		.sent = meter_sent,
		.switches = switches_so_far(),
		.cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID),
		.wall_ns = clock_ns(CLOCK_MONOTONIC),
		.tsc = rte_rdtsc(),
	};
}

static double quantile(const struct meter *meter, const double sorted[], double fraction)
{
	if (meter->slices == 0)
		return 0;
	return values_quantile(sorted, meter->slices, fraction);
}

static void finish_burst(struct meter *meter, uint64_t received)
{
	struct reading end = read_all(received);

	values_sort(meter->slice, meter->slices);
	values_sort(meter->sent_rate, meter->slices);
	meter->burst[meter->bursts++] = (struct meter_burst){
		.received = end.received - meter->start.received,
		.sent = end.sent - meter->start.sent,
		.tsc = end.tsc - meter->start.tsc,
		.cpu_ns = end.cpu_ns - meter->start.cpu_ns,
		.wall_ns = end.wall_ns - meter->start.wall_ns,
		.switches = end.switches - meter->start.switches,
		.interrupted = meter->interrupted,
		.slices = meter->slices,
		.slice_min = quantile(meter, meter->slice, 0),
		.slice_p10 = quantile(meter, meter->slice, 0.1),
		.slice_p25 = quantile(meter, meter->slice, 0.25),
		.slice_median = quantile(meter, meter->slice, 0.5),
		.slice_p75 = quantile(meter, meter->slice, 0.75),
		.slice_p90 = quantile(meter, meter->slice, 0.9),
		.sent_rate = quantile(meter, meter->sent_rate, 0.5),
	};
	meter->next = 0;
	meter->phase = PHASE_REST;
	if (meter->bursts == meter->params.bursts) {
		meter->phase = PHASE_DONE;
		atomic_store(&meter->done, true);
	}
}

static void nap(void)
{
	static const struct timespec piece = {.tv_nsec = NAP_US * 1000};

	nanosleep(&piece, NULL);
}

// Whether it is time to warm up for the next burst.
static bool is_due(const struct meter *meter, uint64_t now)
{
	const struct meter_params *params = &meter->params;
	uint64_t period_ms = params->warm_ms + params->burst_ms + params->rest_ms;
	uint64_t never = 0;

	if (atomic_load(&epoch) == 0 && params->go != NULL && access(params->go, F_OK) != 0)
		return false;
	atomic_compare_exchange_strong(&epoch, &never, now);
	return now >= atomic_load(&epoch) + ms_in_tsc(meter->bursts * period_ms);
}

static bool rest(struct meter *meter, uint64_t received, uint64_t now)
{
	if (!is_due(meter, now)) {
		nap();
		return false;
	}
	meter->phase = PHASE_WARM;
	meter->phase_start = now;
	meter->next = received + meter->params.slice;
	return true;
}

static void begin_slice(struct meter *meter, uint64_t received, uint64_t switches)
{
	meter->next = received + meter->params.slice;
	meter->slice_received = received;
	meter->slice_switches = switches;
	meter->slice_sent = meter_sent;
	meter->slice_start = rte_rdtsc();
}

static void warm(struct meter *meter, uint64_t received, uint64_t now)
{
	meter->next = received + meter->params.slice;
	if (now - meter->phase_start < ms_in_tsc(meter->params.warm_ms))
		return;
	meter->phase = PHASE_BURST;
	meter->slices = 0;
	meter->interrupted = 0;
	meter->start = read_all(received);
	begin_slice(meter, received, meter->start.switches);
}

static void keep_slice(struct meter *meter, uint64_t received, double tsc)
{
	meter->slice[meter->slices] = tsc / (double)(received - meter->slice_received);
	meter->sent_rate[meter->slices] = (double)(meter_sent - meter->slice_sent) / tsc;
	meter->slices++;
}

static bool end_slice(struct meter *meter, uint64_t received, uint64_t now)
{
	uint64_t switches = switches_so_far();

	if (switches == meter->slice_switches)
		keep_slice(meter, received, (double)(now - meter->slice_start));
	else
		meter->interrupted++;
	if (now - meter->start.tsc >= ms_in_tsc(meter->params.burst_ms) ||
		meter->slices == METER_SLICES_MAX) {
		finish_burst(meter, received);
		return false;
	}
	begin_slice(meter, received, switches);
	return true;
}

bool meter_turn(struct meter *meter, uint64_t received)
{
	uint64_t now = rte_rdtsc();

	if (meter->params.bursts == 0) {
		meter->next = UINT64_MAX;
		return true;
	}
	switch (meter->phase) {
	case PHASE_REST:
		return rest(meter, received, now);
	case PHASE_WARM:
		warm(meter, received, now);
		return true;
	case PHASE_BURST:
		return end_slice(meter, received, now);
	default:
		nap();
		return false;
	}
}

void meter_print(const struct meter *meter, FILE *to)
{
	fputc('[', to);
	for (unsigned i = 0; i < meter->bursts; i++) {
		const struct meter_burst *b = &meter->burst[i];

		fprintf(to,
			"%s\n  {\"received\": %lu, \"sent\": %lu, \"tsc\": %lu, \"cpu_ns\": %lu, "
			"\"wall_ns\": %lu, \"switches\": %lu, \"slices\": %u, \"interrupted\": "
			"%u,\n"
			"   \"slice_min\": %.2f, \"slice_p10\": %.2f, \"slice_p25\": %.2f, "
			"\"slice_median\": %.2f, \"slice_p75\": %.2f, \"slice_p90\": %.2f, "
			"\"sent_rate\": %.6f}",
			i == 0 ? "" : ",", b->received, b->sent, b->tsc, b->cpu_ns, b->wall_ns,
			b->switches, b->slices, b->interrupted, b->slice_min, b->slice_p10,
			b->slice_p25, b->slice_median, b->slice_p75, b->slice_p90, b->sent_rate);
	}
	fputc(']', to);
}
