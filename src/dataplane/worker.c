// The worker's loop: rings, then receive queues, then transmit; rest where there is nothing to do.
#include "dataplane/worker.h"

#include "base/capabilities.h"
#include "base/log.h"
#include "dataplane/capture.h"
#include "dataplane/classify.h"
#include "dataplane/dataplane.h"
#include "dataplane/flow.h"
#include "dataplane/forward.h"
#include "dataplane/handover.h"
#include "dataplane/park.h"
#include "dataplane/path_host.h"
#include "dataplane/path_in.h"
#include "dataplane/path_out.h"
#include "dataplane/path_own.h"
#include "dataplane/tx.h"
#include "dataplane/vlan.h"
#include "proto/pkt.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_random.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

// Turns without a packet until an idle worker pauses, yields, sleeps.
#define IDLE_PAUSE 16
#define IDLE_YIELD 64
#define IDLE_SLEEP 256
#define IDLE_SLEEP_NS 20000

// Turns between looks at the stop flag, at fragments that wait, and at what bonds have to send.
#define HOUSEKEEPING_TURNS 64

static void init_limits(struct port_limits *limits, const struct dataplane_params *params)
{
	uint64_t tsc_hz = rte_get_tsc_hz();

	for (unsigned class = 0; class < PUNT_CLASS_COUNT; class ++)
		punt_limit_init(&limits->punt[class], params->punt_per_second[class],
			PUNT_SENDER_PART, tsc_hz);
	for (unsigned i = 0; i < 2; i++)
		punt_limit_init(
			&limits->tell[i], params->tell_per_second, TELL_SENDER_PART, tsc_hz);
}

int worker_create(struct dataplane *dp, uint16_t index, const struct dataplane_params *params,
	struct worker **created, struct error *err)
{
	const struct worker_params *mine = &params->worker[index];
	int socket = (int)rte_lcore_to_socket_id(mine->lcore);
	struct worker *w = rte_zmalloc_socket("worker", sizeof(*w), CACHE_LINE, socket);
	int rc = w == NULL ? -ENOMEM : aead_ctx_create(dp->engines, &w->aead);

	if (rc == 0 && mine->role != WORKER_ENCRYPT) {
		w->reassembly = reassembly_create(socket);
		rc = w->reassembly == NULL ? -ENOMEM : 0;
	}
	if (rc != 0) {
		worker_destroy(w);
		return error_set(err, -rc, "worker on lcore %u: %s", mine->lcore, strerror(-rc));
	}
	rc = flow_cache_create(params->flows, socket, &w->flows);
	if (rc != 0) {
		worker_destroy(w);
		return error_set(err, -rc, "no memory to remember %u flows", params->flows);
	}
	w->dp = dp;
	w->index = index;
	w->role = mine->role;
	w->lcore = mine->lcore;
	w->burst_max = (uint16_t)params->burst;
	w->fragment_id = (uint32_t)rte_rand() / dp->workers * dp->workers + index;
	w->idle = params->idle;
	for (unsigned port = 0; port < params->ports; port++) {
		init_limits(&w->limits[port][false], params);
		init_limits(&w->limits[port][true], params);
	}
	*created = w;
	return 0;
}

void worker_destroy(struct worker *w)
{
	if (w == NULL)
		return;
	park_free(w);
	flow_cache_destroy(w->flows);
	reassembly_destroy(w->reassembly);
	aead_ctx_destroy(w->aead);
	rte_free(w);
}

static ALWAYS_INLINE void take_frames(
	struct worker *w, uint8_t port, struct rte_mbuf *m[], uint16_t n)
{
	struct classified all;

	if (unlikely(w->capture != NULL))
		capture_copy(w, port, false, m, n);
	stage_end(&w->clock, STAGE_receive);
	all = classify_frames(w, port, m, n, &w->burst);
	stage_end(&w->clock, STAGE_classify);
	if (w->burst.n == 0)
		return;
	if (w->dp->port[port].side == PORT_PROTECTED)
		path_out(w, all.plain);
	else
		path_in(w, all);
}

// The frames of each port together, in their order.
static void take_trunk(struct worker *w, uint8_t trunk, struct rte_mbuf *m[], uint16_t n)
{
	struct rte_mbuf *same[BURST_MAX];
	uint8_t port[BURST_MAX];

	n = vlan_take(w, trunk, m, n, port);
	while (n > 0) {
		uint8_t first = port[0];
		uint16_t kept = 0;
		uint16_t found = 0;

		for (uint16_t i = 0; i < n; i++) {
			if (port[i] == first) {
				same[found++] = m[i];
			} else {
				m[kept] = m[i];
				port[kept++] = port[i];
			}
		}
		stage_burst(&w->clock, found);
		take_frames(w, first, same, found);
		n = kept;
	}
}

static unsigned poll_queue(struct worker *w, const struct rx_queue *rxq)
{
	struct rte_mbuf *m[BURST_MAX];
	uint16_t n;

	stage_begin(&w->clock);
	n = rte_eth_rx_burst(rxq->device, rxq->queue, m, w->burst_max);
	if (n == 0)
		return 0;
	stage_burst(&w->clock, n);
	if (unlikely(w->dp->port[rxq->port].vlans != NULL))
		take_trunk(w, rxq->port, m, n);
	else
		take_frames(w, rxq->port, m, n);
	return n;
}

// What the control thread sent: frames of the kernel, packets of the gateway itself, packets that
// waited for a neighbour. Apart, so that a turn without any is short.
static __rte_noinline unsigned receive_injected(struct worker *w)
{
	struct rte_mbuf *m[BURST_MAX];
	struct rte_mbuf *frame[BURST_MAX];
	struct rte_mbuf *resumed[BURST_MAX];
	unsigned n = rte_ring_sc_dequeue_burst(w->inject, (void **)m, w->burst_max, NULL);
	uint16_t packets = 0;
	uint16_t resumes = 0;
	uint16_t frames = 0;

	stage_burst(&w->clock, n);
	for (unsigned i = 0; i < n; i++) {
		pkt_fence(m[i]);
		if (meta_of(m[i])->kind == META_FRAME)
			frame[frames++] = m[i];
		else if (meta_of(m[i])->kind == META_RESUME)
			resumed[resumes++] = m[i];
		else
			m[packets++] = m[i];
	}
	if (frames > 0)
		path_host(w, frame, frames);
	if (packets > 0)
		path_own(w, m, packets);
	if (resumes > 0)
		forward_resume(w, resumed, resumes);
	return n;
}

static void look_at_tables(struct worker *w)
{
	struct tables now = {
		.sadb = atomic_load_explicit(&w->dp->sadb, memory_order_acquire),
		.spd = atomic_load_explicit(&w->dp->spd, memory_order_acquire),
		.fwd = atomic_load_explicit(&w->dp->fwd, memory_order_acquire),
		.epoch = w->tables.epoch,
	};

	if (unlikely(now.spd != w->tables.spd || now.fwd != w->tables.fwd))
		now.epoch++;
	if (unlikely(now.sadb != w->tables.sadb))
		w->last_in = (struct sadb_last){0};
	w->tables = now;
	w->capture = atomic_load_explicit(&w->dp->capture, memory_order_acquire);
}

unsigned worker_turn(struct worker *w)
{
	unsigned found;

	look_at_tables(w);
	stage_turn(&w->clock);
	stage_begin(&w->clock);
	found = unlikely(w->park.n > 0) ? park_retry(w) : 0;
	found += handover_receive(w);
	if (unlikely(!rte_ring_empty(w->inject)))
		found += receive_injected(w);

	for (uint16_t i = 0; i < w->rxqs; i++)
		found += poll_queue(w, &w->rxq[i]);
	stage_begin(&w->clock);
	stage_burst(&w->clock, found);
	tx_flush(w);
	stage_end(&w->clock, STAGE_transmit);
	return found;
}

static void rest(const struct worker *w, unsigned idle_turns)
{
	static const struct timespec nap = {.tv_nsec = IDLE_SLEEP_NS};

	if (w->idle == WORKER_POLL || idle_turns < IDLE_PAUSE)
		return;
	if (idle_turns < IDLE_YIELD)
		rte_pause();
	else if (idle_turns < IDLE_SLEEP)
		sched_yield();
	else
		nanosleep(&nap, NULL);
}

static void run(struct worker *w)
{
	uint64_t last = rte_rdtsc();
	unsigned idle_turns = 0;

	for (uint64_t turn = 1;; turn++) {
		unsigned found = worker_turn(w);
		uint64_t now = rte_rdtsc();

		counter_add(&w->stats.turns, 1);
		if (found > 0) {
			counter_add(&w->stats.busy_turns, 1);
			counter_add(&w->stats.busy_cycles, now - last);
			idle_turns = 0;
		} else {
			rest(w, ++idle_turns);
			now = rte_rdtsc();
			counter_add(&w->stats.idle_cycles, now - last);
		}
		last = now;
		rte_rcu_qsbr_quiescent(w->dp->qsbr, w->index);
		if (turn % HOUSEKEEPING_TURNS != 0)
			continue;
		reassembly_expire(w, now);
		park_expire(w, now);
		tx_lacp(w);
		if (atomic_load_explicit(&w->dp->stop, memory_order_relaxed))
			return;
	}
}

int worker_run(void *worker)
{
	struct worker *w = worker;

	prctl(PR_SET_TIMERSLACK, 1);
	if (capabilities_keep(NULL, 0) != 0)
		log_warning("worker %u keeps its capabilities: no memory", w->index);
	run(w);
	rte_rcu_qsbr_thread_offline(w->dp->qsbr, w->index);
	rte_rcu_qsbr_thread_unregister(w->dp->qsbr, w->index);
	return 0;
}
