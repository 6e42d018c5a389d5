// Metrics of workers and of the rings between threads.
#include "base/counter.h"
#include "ctl/gateway.h"
#include "ctl/metrics_families.h"
#include "dataplane/handover.h"
#include "dataplane/punt.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#define NUMBER_TEXT 11

struct row {
	const char *name;
	const char *help;
	size_t offset; // in struct worker_stats
};

static const struct row rows[] = {
	{"vped_worker_turns", "Turns of the worker's loop.", offsetof(struct worker_stats, turns)},
	{"vped_worker_busy_turns", "Turns that found a packet.",
		offsetof(struct worker_stats, busy_turns)},
	{"vped_worker_busy_cycles",
		"Cycles of the time stamp counter in turns that found a packet.",
		offsetof(struct worker_stats, busy_cycles)},
	{"vped_worker_idle_cycles",
		"Cycles of the time stamp counter in other turns, rest included.",
		offsetof(struct worker_stats, idle_cycles)},
	{"vped_worker_handed_out_packets",
		"Authenticated packets given to the owner of their replay window.",
		offsetof(struct worker_stats, handed_out)},
	{"vped_worker_handed_in_packets",
		"Authenticated packets taken over as the owner of their replay window.",
		offsetof(struct worker_stats, handed_in)},
	{"vped_worker_encap_out_packets",
		"Clear packets given to the worker that encrypts for their SA.",
		offsetof(struct worker_stats, encap_out)},
	{"vped_worker_encap_in_packets", "Clear packets taken over for encryption.",
		offsetof(struct worker_stats, encap_in)},
	{"vped_worker_flow_misses", "Packets whose flow was not remembered.",
		offsetof(struct worker_stats, flow_misses)},
};

static const char *number(unsigned value, char text[NUMBER_TEXT])
{
	snprintf(text, NUMBER_TEXT, "%u", value);
	return text;
}

void metrics_of_workers(struct metrics_text *text, const struct gateway *gateway)
{
	static const char *const roles[] = {
		[WORKER_ENCRYPT] = "encrypt", [WORKER_DECRYPT] = "decrypt", [WORKER_BOTH] = "both"};
	const struct dataplane *dp = gateway->dp;
	char index[NUMBER_TEXT], lcore[NUMBER_TEXT];

	metrics_family(text, METRICS_INFO, "vped_worker", "Workers, by role.");
	for (unsigned i = 0; i < dp->workers; i++)
		metrics_count(text, 1, "worker", number(i, index), "lcore",
			number(dp->worker[i]->lcore, lcore), "role", roles[dp->worker[i]->role],
			"idle", dp->worker[i]->idle == WORKER_POLL ? "poll" : "backoff", NULL);
	for (unsigned row = 0; row < RTE_DIM(rows); row++) {
		metrics_family(text, METRICS_COUNTER, rows[row].name, rows[row].help);
		for (unsigned i = 0; i < dp->workers; i++) {
			const uint8_t *stats = (const uint8_t *)&dp->worker[i]->stats;

			metrics_count(text,
				counter_read(
					(const uint64_t *)(const void *)(stats + rows[row].offset)),
				"worker", number(i, index), NULL);
		}
	}
}

static const char *punt_queue_name(unsigned queue)
{
	if (queue == PUNT_UNRESOLVED)
		return "unresolved";
	return queue == PUNT_TELL ? "tell" : punt_class_name((enum punt_class)queue);
}

static void marks(struct metrics_text *text, const struct dataplane *dp)
{
	char index[NUMBER_TEXT];

	metrics_family(text, METRICS_GAUGE, "vped_ring_high_water_packets",
		"Most packets that waited in a ring since the start.");
	for (unsigned i = 0; i < dp->workers; i++) {
		const struct worker *w = dp->worker[i];

		metrics_count(text, counter_read(&w->stats.ring_high), "worker", number(i, index),
			"ring", "from_workers", NULL);
		metrics_count(text, w->inject_high, "worker", number(i, index), "ring",
			"from_control", NULL);
		for (unsigned queue = 0; queue < PUNT_QUEUES; queue++) {
			char ring[32];

			snprintf(ring, sizeof(ring), "to_control_%s", punt_queue_name(queue));
			metrics_count(text, w->punt_high[queue], "worker", number(i, index), "ring",
				ring, NULL);
		}
	}
}

void metrics_of_rings(struct metrics_text *text, const struct gateway *gateway)
{
	marks(text, gateway->dp);
	metrics_family(text, METRICS_GAUGE, "vped_ring_size_packets",
		"Packets that a ring of the kind can hold.");
	metrics_count(text, HANDOVER_RING - 1, "ring", "from_workers", NULL);
	metrics_count(text, INJECT_RING - 1, "ring", "from_control", NULL);
	for (unsigned queue = 0; queue < PUNT_QUEUES; queue++) {
		char ring[32];

		snprintf(ring, sizeof(ring), "to_control_%s", punt_queue_name(queue));
		metrics_count(text, PUNT_RING - 1, "ring", ring, NULL);
	}
}
