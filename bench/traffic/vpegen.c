// vpegen: a traffic generator for gateways. The main thread waits and reports; EAL's worker lcores
// send and receive.
#include "bench/traffic/output.h"
#include "bench/traffic/program.h"
#include "bench/traffic/signals.h"
#include "bench/traffic/ticks.h"
#include "bench/traffic/vpegen_report.h"

#define STEP_MS 5

// Reports once a second until sending has ended. Returns when that was.
static uint64_t watch_sending(struct generator *g, struct vpegen_report *report)
{
	uint64_t length = ticks_of_ns(g->options->duration_ns);
	uint64_t next = g->started + rte_get_tsc_hz();
	uint64_t now;

	do {
		bool enough = signals_wait(STEP_MS);

		now = rte_rdtsc();
		if (enough || (length != 0 && now - g->started >= length))
			atomic_store(&g->stop_sending, true);
		if (now >= next && !generator_sent_all(g)) {
			vpegen_report_interval(report, now);
			next += rte_get_tsc_hz();
		}
	} while (!generator_sent_all(g));
	return rte_rdtsc();
}

// Until everything is back, or it is time to stop.
static void watch_draining(const struct generator *g)
{
	uint64_t end = rte_rdtsc() + ticks_of_ns(g->options->drain_ns);
	struct totals totals;

	do {
		totals_read(g, &totals);
	} while (totals.received.once < totals.sent.packets && rte_rdtsc() < end &&
		!signals_wait(STEP_MS));
}

static int run(struct generator *g, struct vpegen_report *report, struct error *err)
{
	uint64_t stopped;
	int rc = generator_start(g, err);

	if (rc != 0)
		return rc;
	stopped = watch_sending(g, report);
	watch_draining(g);
	atomic_store(&g->stop, true);
	generator_join(g);
	vpegen_report_interval(report, rte_rdtsc());
	return output_write(vpegen_report_end(report, stopped), g->options->json, err);
}

static int generate(const void *options, struct error *err)
{
	static struct generator g;
	static struct vpegen_report report;
	int rc = generator_create(&g, options, err);

	if (rc == 0)
		rc = generator_prepare(&g, signals_came, err);
	if (rc == 0) {
		rc = vpegen_report_start(&report, &g);
		if (rc != 0)
			error_set(err, -rc, "no memory");
	}
	if (rc == 0)
		rc = run(&g, &report, err);
	vpegen_report_free(&report);
	generator_destroy(&g);
	return rc;
}

int main(int argc, char **argv)
{
	static struct vpegen_options options;
	static const struct program program = {.name = "vpegen",
		.options = &options,
		.parse = vpegen_options_parse,
		.run = generate};

	return program_main(&program, argc, argv);
}
