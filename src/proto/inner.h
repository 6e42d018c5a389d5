// What a decrypted datagram must be before it goes on, the same for every tunnel protocol.
#pragma once

#include "proto/drop.h"

#include <rte_mbuf.h>
#include <stdint.h>

// Checks the IP header at the start of octets of plaintext. Returns DROP_NONE and the datagram's
// own length (at most octets; the rest is padding), or the reason. Reads no further than octets.
enum drop_reason inner_check(const uint8_t *plaintext, uint32_t octets, uint32_t *datagram_octets);

// Frees a decrypted and committed packet of everything around its datagram: head octets in front,
// padding behind octets of plaintext and behind the datagram. Joins the outer header's congestion
// mark (traffic_class) to the inner one (RFC 6040). DROP_NONE or the reason.
enum drop_reason inner_release(
	struct rte_mbuf *m, uint16_t head, uint32_t octets, uint8_t traffic_class);
