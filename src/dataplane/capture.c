// The rings of a capture: records of any length one after the other, none over the ring's end.
#include "dataplane/capture.h"

#include "base/counter.h"
#include "dataplane/dataplane.h"

#include <rte_cycles.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_ALIGN 32
#define HEADER RTE_ALIGN(sizeof(struct capture_record), RECORD_ALIGN)
// Instead of the octets kept: the next record is at the beginning.
#define AROUND UINT32_MAX

const char *capture_point_name(enum capture_point point)
{
	static const char *const names[] = {
#define X(id, name) [CAPTURE_##id] = name,
		CAPTURE_POINTS(X)
#undef X
	};

	return names[point];
}

struct capture *capture_create(unsigned workers, uint32_t points, uint32_t snap)
{
	struct capture *capture = calloc(1, sizeof(*capture) + workers * sizeof(capture->ring[0]));

	if (capture == NULL)
		return NULL;
	capture->points = points;
	capture->snap = snap;
	capture->workers = workers;
	for (unsigned i = 0; i < workers; i++) {
		capture->ring[i] = aligned_alloc(CACHE_LINE, sizeof(*capture->ring[i]));
		if (capture->ring[i] == NULL) {
			capture_free(capture);
			return NULL;
		}
		// All of it: a worker must not meet pages that are not there yet.
		memset(capture->ring[i], 0, sizeof(*capture->ring[i]));
	}
	return capture;
}

void capture_free(void *arg)
{
	struct capture *capture = arg;

	if (capture == NULL)
		return;
	for (unsigned i = 0; i < capture->workers; i++)
		free(capture->ring[i]);
	free(capture);
}

void capture_publish(struct dataplane *dp, struct capture *capture)
{
	atomic_store_explicit(&dp->capture, capture, memory_order_release);
}

static uint64_t record_octets(uint32_t kept)
{
	return HEADER + RTE_ALIGN(kept, RECORD_ALIGN);
}

// Where a record of so many octets begins, behind *head, or NULL: no room.
static uint8_t *reserve(struct capture_ring *ring, uint64_t *head, uint64_t octets)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
	uint64_t at = *head % CAPTURE_RING_OCTETS;
	uint64_t rest = CAPTURE_RING_OCTETS - at;
	uint64_t skip = rest < octets ? rest : 0;

	if (*head + skip + octets - tail > CAPTURE_RING_OCTETS)
		return NULL;
	if (skip > 0) {
		const struct capture_record around = {.kept = AROUND};

		memcpy(ring->data + at, &around, sizeof(around));
		*head += skip;
		at = 0;
	}
	return ring->data + at;
}

static void copy_frame(struct capture_ring *ring, uint32_t snap, uint64_t *head,
	struct capture_record record, const struct rte_mbuf *m)
{
	uint8_t *to;

	record.octets = m->pkt_len;
	record.kept = RTE_MIN((uint32_t)m->data_len, snap);
	to = reserve(ring, head, record_octets(record.kept));
	if (to == NULL) {
		counter_add(&ring->lost, 1);
		return;
	}
	memcpy(to, &record, sizeof(record));
	memcpy(to + HEADER, rte_pktmbuf_mtod(m, const uint8_t *), record.kept);
	*head += record_octets(record.kept);
	counter_add(&ring->frames, 1);
}

void capture_copy(struct worker *w, uint8_t port, bool out, struct rte_mbuf *const m[], uint16_t n)
{
	const struct capture *capture = w->capture;
	struct capture_ring *ring = capture->ring[w->index];
	unsigned first =
		w->dp->port[port].side == PORT_PROTECTED ? CAPTURE_protected_in : CAPTURE_wire_in;
	struct capture_record record = {
		.tsc = rte_rdtsc(), .point = (uint8_t)(first + out), .port = port};
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	if ((capture->points >> record.point & 1) == 0)
		return;
	for (uint16_t i = 0; i < n; i++)
		copy_frame(ring, capture->snap, &head, record, m[i]);
	atomic_store_explicit(&ring->head, head, memory_order_release);
}

// Behind the end of the ring, if the record there says so.
static uint64_t oldest(struct capture_ring *ring, struct capture_record *record)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	memcpy(record, ring->data + tail % CAPTURE_RING_OCTETS, sizeof(*record));
	if (record->kept == AROUND) {
		tail += CAPTURE_RING_OCTETS - tail % CAPTURE_RING_OCTETS;
		memcpy(record, ring->data, sizeof(*record));
	}
	return tail;
}

bool capture_peek(struct capture_ring *ring, struct capture_record *record, const uint8_t **data)
{
	uint64_t at;

	if (atomic_load_explicit(&ring->head, memory_order_acquire) ==
		atomic_load_explicit(&ring->tail, memory_order_relaxed))
		return false;
	at = oldest(ring, record);
	*data = ring->data + at % CAPTURE_RING_OCTETS + HEADER;
	return true;
}

void capture_next(struct capture_ring *ring)
{
	struct capture_record record;
	uint64_t at = oldest(ring, &record);

	atomic_store_explicit(&ring->tail, at + record_octets(record.kept), memory_order_release);
}
