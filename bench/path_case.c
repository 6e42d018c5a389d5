// Samples of one kind of packet. Each makes fresh packets outside the timed part, so that replay
// windows stay on.
#include "bench/path_case.h"

#include "bench/switches.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <string.h>

// At a sample in which the kernel runs nothing else. The last one counts as it is.
#define ATTEMPTS 10

int path_case_init(struct path_case *c, unsigned samples, bool stages)
{
	int rc = samples_init(&c->samples, samples);

	for (unsigned i = 0; i < STAGES && stages; i++)
		rc |= samples_init(&c->stage[i], samples);
	return rc;
}

void path_case_free(struct path_case *c)
{
	samples_free(&c->samples);
	for (unsigned i = 0; i < STAGES; i++)
		samples_free(&c->stage[i]);
}

const char *path_case_protocol(const struct path_case *c)
{
	static const char *const name[RIG_PROTOCOLS] = {
		[RIG_VPE] = "vpe", [RIG_ESP] = "esp", [RIG_CLEAR] = "clear"};

	return c->io_only ? "" : name[c->frames.protocol];
}

const char *path_case_direction(const struct path_case *c)
{
	bool out = c->frames.side == PORT_PROTECTED;

	if (c->io_only)
		return "I/O only";
	if (c->frames.protocol == RIG_CLEAR)
		return out ? "out" : "in";
	return out ? "encrypt" : "decrypt";
}

static void io_turn(struct rig *rig, enum port_side from)
{
	struct rte_mbuf *m[BURST_MAX];
	uint16_t n = rte_eth_rx_burst(rig->dp->port[from].device[0], 0, m, BURST_MAX);

	rte_eth_tx_burst(rig->dp->port[!from].device[0], 0, m, n);
}

// The worker's clock has the stages afterwards.
static int take(struct rig *rig, const struct path_case *c, unsigned packets, uint64_t *cycles,
	bool *interrupted, struct error *err)
{
	enum port_side from = c->frames.side;
	int rc = rig_fill(rig, &c->frames, packets);
	uint64_t switches;
	uint64_t start;
	unsigned arrived;

	if (rc != 0)
		return error_set(err, -rc, "making packets: %s", strerror(-rc));
	memset(&rig->worker->clock, 0, sizeof(rig->worker->clock));
	atomic_store(&rig->worker->clock.wanted, c->stage[0].capacity > 0);
	switches = switches_so_far();
	start = rte_rdtsc_precise();
	while (!rte_ring_empty(rig->rx[from])) {
		if (c->io_only)
			io_turn(rig, from);
		else
			worker_turn(rig->worker);
	}
	*cycles = rte_rdtsc_precise() - start;
	*interrupted = switches_so_far() != switches;
	arrived = rig_drain(rig, !from);
	if (arrived != packets)
		return error_set(err, EIO, "%s %s %u: %u of %u packets came through",
			path_case_protocol(c), path_case_direction(c), c->frames.frame_octets,
			arrived, packets);
	return 0;
}

static double stage_mean(const struct stage_figures *figures)
{
	return figures->packets == 0 ? 0 : (double)figures->cycles / (double)figures->packets;
}

int path_case_sample(struct rig *rig, struct path_case *c, unsigned packets, struct error *err)
{
	bool interrupted = true;
	uint64_t cycles = 0;

	for (unsigned i = 0; i < ATTEMPTS && interrupted; i++) {
		int rc = take(rig, c, packets, &cycles, &interrupted, err);

		if (rc != 0)
			return rc;
	}
	samples_add(&c->samples, (double)cycles / packets);
	for (unsigned i = 0; i < STAGES; i++)
		samples_add(&c->stage[i], stage_mean(&rig->worker->clock.stage[i]));
	return 0;
}
