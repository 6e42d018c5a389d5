// Faults on purpose.
#include "bench/traffic/fault.h"

#include "base/counter.h"

static bool is_turn(const struct fault *fault, uint64_t every)
{
	return every != 0 && fault->seen % every == 0;
}

void fault_take(struct fault *f, struct rte_mbuf *packet, struct rte_mbuf **m, uint16_t *n)
{
	struct rte_mbuf *copy;

	f->seen++;
	if (is_turn(f, f->plan.lose_every)) {
		counter_add(&f->counters.lost, 1);
		rte_pktmbuf_free(packet);
		return;
	}
	if (f->held == NULL && is_turn(f, f->plan.swap_every)) {
		f->held = packet;
		return;
	}
	m[(*n)++] = packet;
	if (is_turn(f, f->plan.double_every)) {
		copy = rte_pktmbuf_copy(packet, packet->pool, 0, UINT32_MAX);
		if (copy != NULL) {
			counter_add(&f->counters.doubled, 1);
			m[(*n)++] = copy;
		}
	}
	if (f->held != NULL) {
		counter_add(&f->counters.swapped, 1);
		m[(*n)++] = f->held;
		f->held = NULL;
	}
}

void fault_stop(struct fault *f)
{
	rte_pktmbuf_free(f->held);
	f->held = NULL;
}
