// The last stage of both paths: route, hop limit, MTU, link address, transmit.
#pragma once

#include "dataplane/worker.h"
#include "proto/ip_hdr.h"

// Where packets come from. Those in transit lose a hop, the gateway's own do not.
enum forward_origin {
	FORWARD_TRANSIT,
	FORWARD_DECRYPTED, // in transit too; never leaves by an unprotected port in clear
	FORWARD_OWN,	   // tunnel packets, and what the gateway may say in clear
	FORWARD_INSIDE,	   // for the protected side only; never leaves by an unprotected port
};

static ALWAYS_INLINE bool forward_in_transit(enum forward_origin origin)
{
	return origin == FORWARD_TRANSIT || origin == FORWARD_DECRYPTED;
}

// Packets in transit lose a hop. False: this one has none left, and is as before.
static ALWAYS_INLINE bool forward_take_hop(uint8_t *header, bool ipv6, enum forward_origin origin)
{
	if (!forward_in_transit(origin))
		return true;
	if (unlikely(ipv6)) {
		if (header[IPV6_HOP_LIMIT] <= 1)
			return false;
		header[IPV6_HOP_LIMIT]--;
		return true;
	}
	if (unlikely(header[IPV4_TTL] <= 1))
		return false;
	ipv4_decrement_ttl(header);
	return true;
}

enum forward_family {
	FORWARD_EITHER, // what each packet's flags say
	FORWARD_IPV4,	// all of them
	FORWARD_IPV6,
};

// Sends every packet of b (which begin with their IP header) where its `next` says, or to the
// kernel, or drops it. Leaves b as it may.
void forward_burst(struct worker *w, struct burst *b, enum forward_origin origin);

// The same for packets first .. end-1, which all go to `next`, up to the first that is not just
// sent: with more octets than `most` or than the link takes, or without a hop left; or where `next`
// is no link. Returns its number, or end.
uint16_t forward_whole(struct worker *w, struct burst *b, uint16_t first, uint16_t end,
	const struct adjacency *next, uint16_t most, enum forward_family family,
	enum forward_origin origin);

// What forward_whole, with the most that there is, has left: its first packet is not just sent.
void forward_rest(struct worker *w, struct burst *b, uint16_t first, uint16_t end,
	const struct adjacency *next, enum forward_family family, enum forward_origin origin);

// Packets first .. end-1, which all go to `next`, in their order: hosts give up on fragments that
// come too far apart.
static ALWAYS_INLINE void forward_run(struct worker *w, struct burst *b, uint16_t first,
	uint16_t end, const struct adjacency *next, enum forward_family family,
	enum forward_origin origin)
{
	first = forward_whole(w, b, first, end, next, UINT16_MAX, family, origin);
	if (unlikely(first < end))
		forward_rest(w, b, first, end, next, family, origin);
}

// Packets that control kept until their next hop was known (META_RESUME): as if they came just now,
// from where they came.
void forward_resume(struct worker *w, struct rte_mbuf *m[], uint16_t n);
