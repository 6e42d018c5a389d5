// profile-on, profile-off, profile-show: cycles a packet, by worker and stage.
#include "ctl/profile.h"

#include "base/counter.h"
#include "ctl/gateway.h"

#include <errno.h>
#include <rte_cycles.h>

static int want(struct gateway *gateway, uint32_t profile, json_t **result)
{
	for (unsigned i = 0; i < gateway->dp->workers; i++)
		atomic_store_explicit(
			&gateway->dp->worker[i]->clock.wanted, profile, memory_order_relaxed);
	*result = json_pack("{s:b}", "on", profile != 0);
	return *result ? 0 : -ENOMEM;
}

int profile_on(struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err)
{
	(void)arguments;
	(void)err;
	if (++gateway->profile == 0)
		gateway->profile = 1;
	return want(gateway, gateway->profile, result);
}

int profile_off(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err)
{
	(void)arguments;
	(void)err;
	return want(gateway, 0, result);
}

// Bucket i holds what is below 2^i cycles; the last one has no end.
static json_t *histogram(const struct stage_figures *figures)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < STAGE_BUCKETS; i++) {
		uint64_t bursts = counter_read(&figures->bucket[i]);

		if (bursts > 0)
			json_array_append_new(list,
				json_pack("{s:o, s:I}", "below",
					i + 1 < STAGE_BUCKETS ? json_integer(1 << i) : json_null(),
					"bursts", (json_int_t)bursts));
	}
	return list;
}

// NULL: no packet came this way.
static json_t *one_stage(const struct stage_figures *figures, enum stage stage)
{
	uint64_t packets = counter_read(&figures->packets);
	uint64_t cycles = counter_read(&figures->cycles);

	if (packets == 0)
		return NULL;
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:o}", "stage",
		stage_name(stage), "text", stage_text(stage), "packets", (json_int_t)packets,
		"bursts", (json_int_t)counter_read(&figures->bursts), "cycles", (json_int_t)cycles,
		"average", (double)cycles / (double)packets, "min",
		(double)counter_read(&figures->min) / STAGE_FRACTION, "max",
		(double)counter_read(&figures->max) / STAGE_FRACTION, "histogram",
		histogram(figures));
}

static json_t *stages(const struct stage_clock *clock)
{
	uint32_t wanted = atomic_load_explicit(&clock->wanted, memory_order_relaxed);
	uint32_t running = atomic_load_explicit(&clock->running, memory_order_acquire);
	json_t *list = json_array();

	// The figures are those of the profile before until the worker has begun another.
	if (wanted != 0 && wanted != running)
		return list;
	for (unsigned i = 0; i < STAGES; i++) {
		json_t *shown = one_stage(&clock->stage[i], (enum stage)i);

		if (shown)
			json_array_append_new(list, shown);
	}
	return list;
}

int profile_show(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err)
{
	const struct dataplane *dp = gateway->dp;
	json_t *workers = json_array();
	bool on = false;

	(void)arguments;
	(void)err;
	for (unsigned i = 0; i < dp->workers; i++) {
		const struct worker *w = dp->worker[i];

		on |= atomic_load_explicit(&w->clock.wanted, memory_order_relaxed) != 0;
		json_array_append_new(workers,
			json_pack("{s:i, s:i, s:o}", "worker", (int)w->index, "lcore",
				(int)w->lcore, "stages", stages(&w->clock)));
	}
	*result = json_pack("{s:b, s:I, s:i, s:o}", "on", (int)on, "tsc_hz",
		(json_int_t)rte_get_tsc_hz(), "turns_per_sample", STAGE_TURNS, "workers", workers);
	return *result ? 0 : -ENOMEM;
}
