// A burst of packets on its way through the stages, as arrays side by side. A stage writes a
// verdict per packet; the packets that go on are then moved to the front.
#pragma once

#include "base/compiler.h"
#include "proto/verdict.h"

#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

#define BURST_MAX 64

// What classification found, from the start of the IP header, where the mbuf's data begins.
struct packet {
	uint16_t l4;	  // octets to the transport header
	uint8_t protocol; // of the transport header, extension headers skipped
	uint8_t flags;	  // PACKET_*
	uint8_t port;	  // of arrival
	uint16_t tunnel;  // index: decrypted packets
};

#define PACKET_IPV6 0x01
#define PACKET_FRAGMENT 0x02 // any fragment, first or not
#define PACKET_LATER_FRAGMENT 0x04
#define PACKET_TO_GROUP 0x08 // the frame was sent to a multicast or broadcast address
#define PACKET_LOCAL 0x10    // for the gateway itself, if a policy lets it pass

// Of an IPv4 packet without options that is no fragment.
static ALWAYS_INLINE void packet_is_plain(struct packet *packet, uint8_t protocol)
{
	packet->l4 = 20;
	packet->protocol = protocol;
	packet->flags = 0;
}

struct adjacency;

struct burst {
	uint16_t n;
	uint16_t verdict[BURST_MAX];
	struct rte_mbuf *m[BURST_MAX];
	struct packet packet[BURST_MAX];
	// What the policies and routes say of each (dataplane/flow.h).
	uint32_t match[BURST_MAX];
	const struct adjacency *next[BURST_MAX];
	// Between decap's halves, and for a packet handed to the owner of its window.
	uint64_t seq[BURST_MAX];
	struct window_slot *slot[BURST_MAX];
};

// Packets first .. first+n-1 are accepted, which nearly all of them stay.
static ALWAYS_INLINE void burst_accept(struct burst *b, uint16_t first, uint16_t n)
{
	for (unsigned i = first; i < (unsigned)first + n; i++)
		b->verdict[i] = VERDICT_ACCEPT;
}

// Packet i of `from` goes to the end of `to`.
static ALWAYS_INLINE void burst_move(struct burst *to, const struct burst *from, uint16_t i)
{
	uint16_t n = to->n++;

	to->m[n] = from->m[i];
	to->packet[n] = from->packet[i];
	to->match[n] = from->match[i];
	to->next[n] = from->next[i];
}

// Packet i of b is the next that stays, as number *kept.
static ALWAYS_INLINE void burst_keep(struct burst *b, uint16_t i, uint16_t *kept)
{
	uint16_t n = (*kept)++;

	if (likely(n == i))
		return;
	b->m[n] = b->m[i];
	b->packet[n] = b->packet[i];
	b->match[n] = b->match[i];
	b->next[n] = b->next[i];
}

// The same of packets first .. end-1.
static ALWAYS_INLINE void burst_keep_run(
	struct burst *b, uint16_t first, uint16_t end, uint16_t *kept)
{
	if (likely(*kept == first)) {
		*kept = end;
		return;
	}
	for (uint16_t i = first; i < end; i++)
		burst_keep(b, i, kept);
}
