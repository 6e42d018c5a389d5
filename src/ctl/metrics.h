// Metrics for Prometheus, over HTTP on an address of this host or on a Unix socket. Clients, their
// time, and what is kept for them are bounded. Belongs to the control thread.
#pragma once

#include "base/error.h"
#include "ctl/metrics_text.h"

struct gateway;
struct metrics;

#define METRICS_CLIENTS_MAX 16
#define METRICS_STALL_S 5   // of a client that neither sends nor takes
#define METRICS_CLIENT_S 15 // of a connection in all
// When all places are taken, whoever has been there so long makes room.
#define METRICS_CROWDED_S 2
// One answer serves all who ask within so long.
#define METRICS_FRESH_MS 1000

struct metrics_stats {
	uint64_t clients; // accepted so far
	uint64_t requests;
	uint64_t renderings;
	uint64_t closed; // that were too slow
	unsigned now;
};

// listen: see ctl/listen.h. gateway outlives it. 0 or -errno.
int metrics_create(
	struct gateway *gateway, const char *listen, struct metrics **created, struct error *err);
// NULL is fine.
void metrics_destroy(struct metrics *metrics);

const struct metrics_stats *metrics_stats(const struct metrics *metrics);

// All families as they stand. false: no memory.
bool metrics_render(const struct gateway *gateway, enum metrics_format format, struct evbuffer *to);
