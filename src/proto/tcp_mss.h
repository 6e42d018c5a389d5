// Lowering the maximum segment size that TCP's SYN segments tell (RFC 9293 section 3.7.1), so that
// what the other end sends fits a tunnel.
#pragma once

#include "proto/burst.h"
#include "proto/ip_hdr.h"

#include <stdatomic.h>

#define TCP_HEADER_MIN 20
#define TCP_FLAGS 13
#define TCP_SYN 0x02

// Control writes, workers read, both relaxed.
struct tcp_mss {
	_Atomic uint16_t ipv4; // 0: as it is
	_Atomic uint16_t ipv6;
};

static inline void tcp_mss_set(struct tcp_mss *mss, uint16_t ipv4, uint16_t ipv6)
{
	atomic_store_explicit(&mss->ipv4, ipv4, memory_order_relaxed);
	atomic_store_explicit(&mss->ipv6, ipv6, memory_order_relaxed);
}

// A segment of these octets, whose header may be anything. Changes nothing but the option's value,
// where that is larger, and the checksum with it.
void tcp_mss_lower(uint8_t *tcp, uint32_t octets, uint16_t most);

// The packet begins with its IP header. Fragments stay as they are.
static ALWAYS_INLINE void tcp_mss_clamp(
	struct rte_mbuf *m, const struct packet *packet, const struct tcp_mss *mss)
{
	const _Atomic uint16_t *most;
	uint32_t octets;
	uint8_t *tcp;

	if (packet->protocol != IP_PROTOCOL_TCP || unlikely(packet->flags & PACKET_FRAGMENT))
		return;
	most = packet->flags & PACKET_IPV6 ? &mss->ipv6 : &mss->ipv4;
	tcp = rte_pktmbuf_mtod_offset(m, uint8_t *, packet->l4);
	octets = (uint32_t)m->data_len - packet->l4;
	if (likely(octets < TCP_HEADER_MIN || !(tcp[TCP_FLAGS] & TCP_SYN)))
		return;
	tcp_mss_lower(tcp, octets, atomic_load_explicit(most, memory_order_relaxed));
}
