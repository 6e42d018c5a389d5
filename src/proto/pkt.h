// Moving the borders of a packet's data within its one buffer. In sanitizer builds the unused room
// on both sides is poisoned, so that a write past the packet is caught although it stays in the
// buffer.
#pragma once

#include "base/compiler.h"

#include <assert.h>
#include <rte_mbuf.h>
#include <stddef.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define PKT_POISON(p, octets) ASAN_POISON_MEMORY_REGION(p, octets)
#define PKT_UNPOISON(p, octets) ASAN_UNPOISON_MEMORY_REGION(p, octets)
#else
#define PKT_POISON(p, octets) ((void)(p), (void)(octets))
#define PKT_UNPOISON(p, octets) ((void)(p), (void)(octets))
#endif

// After receiving: nothing but the data may be touched.
static ALWAYS_INLINE void pkt_fence(struct rte_mbuf *m)
{
	PKT_POISON(m->buf_addr, m->buf_len);
	PKT_UNPOISON(rte_pktmbuf_mtod(m, void *), m->data_len);
}

// Before the buffer goes to a driver, to another program part or back to its pool.
static ALWAYS_INLINE void pkt_unfence(struct rte_mbuf *m)
{
	PKT_UNPOISON(m->buf_addr, m->buf_len);
}

// Both lengths of a buffer that is a packet of its own stand side by side, below a VLAN's tag that
// no packet here has: they are written and added to at once.
#define PKT_LENGTHS(octets) ((uint64_t)(int64_t)(octets)*UINT64_C(0x100000001))
static_assert(offsetof(struct rte_mbuf, data_len) == offsetof(struct rte_mbuf, pkt_len) + 4,
	"the two lengths stand side by side");

static ALWAYS_INLINE void pkt_set_lengths(struct rte_mbuf *m, uint64_t lengths)
{
	memcpy((uint8_t *)m + offsetof(struct rte_mbuf, pkt_len), &lengths, sizeof(lengths));
}

// octets may be negative.
static ALWAYS_INLINE void pkt_lengthen(struct rte_mbuf *m, int32_t octets)
{
	uint8_t *at = (uint8_t *)m + offsetof(struct rte_mbuf, pkt_len);
	uint64_t lengths;

	memcpy(&lengths, at, sizeof(lengths));
	lengths += PKT_LENGTHS(octets);
	memcpy(at, &lengths, sizeof(lengths));
}

// The data begins that much further in front, where that much room is known to be.
static ALWAYS_INLINE void pkt_extend_front(struct rte_mbuf *m, uint16_t octets)
{
	m->data_off = (uint16_t)(m->data_off - octets);
	pkt_lengthen(m, octets);
	PKT_UNPOISON(rte_pktmbuf_mtod(m, void *), octets);
}

// Makes room in front and returns the new start, NULL where there is none.
static ALWAYS_INLINE uint8_t *pkt_prepend(struct rte_mbuf *m, uint16_t octets)
{
	if (unlikely(m->data_off < octets))
		return NULL;
	pkt_extend_front(m, octets);
	return rte_pktmbuf_mtod(m, uint8_t *);
}

// Makes room in front and behind at once and returns the new start, NULL where there is none.
static ALWAYS_INLINE uint8_t *pkt_wrap(struct rte_mbuf *m, uint16_t front, uint16_t behind)
{
	uint16_t before = m->data_off;
	uint16_t end = (uint16_t)(before + m->data_len);

	if (unlikely(before < front || m->buf_len < end + behind))
		return NULL;
	m->data_off = (uint16_t)(before - front);
	pkt_lengthen(m, front + behind);
	PKT_UNPOISON(rte_pktmbuf_mtod(m, void *), front);
	PKT_UNPOISON((uint8_t *)m->buf_addr + end, behind);
	return rte_pktmbuf_mtod(m, uint8_t *);
}

// Takes octets away in front.
static ALWAYS_INLINE void pkt_strip(struct rte_mbuf *m, uint16_t octets)
{
	PKT_POISON(rte_pktmbuf_mtod(m, void *), octets);
	m->data_off = (uint16_t)(m->data_off + octets);
	pkt_lengthen(m, -(int32_t)octets);
}

// The same for data of which octets in front and behind are taken away.
static ALWAYS_INLINE void pkt_fence_narrow(struct rte_mbuf *m, uint16_t front, uint16_t octets)
{
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);

	PKT_POISON(data, front);
	PKT_POISON(data + front + octets, m->data_len - front - octets);
}

// Takes octets away in front and leaves so many of those that follow; there are that many.
static ALWAYS_INLINE void pkt_narrow(struct rte_mbuf *m, uint16_t front, uint16_t octets)
{
	pkt_fence_narrow(m, front, octets);
	m->data_off = (uint16_t)(m->data_off + front);
	pkt_set_lengths(m, PKT_LENGTHS(octets));
}
