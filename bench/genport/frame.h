// The frames of a stream, octet by octet: Ethernet, outer header, tunnel header, inner UDP packet.
#pragma once

#include "bench/genport/stream.h"

#define ETHER_OCTETS 14
#define OUTER_OCTETS 20
#define TUNNEL_AT (ETHER_OCTETS + OUTER_OCTETS)

#define ESP_HEADER_OCTETS 16 // SPI, sequence number, explicit IV
#define ESP_SEQ_AT (TUNNEL_AT + 4)
#define ESP_IV_AT (TUNNEL_AT + 8)
#define ESP_TRAILER_OCTETS 2
#define VPE_HEADER_OCTETS 32
#define VPE_SEQ_AT (TUNNEL_AT + 4)
#define VPE_ICV_AT (TUNNEL_AT + 16)

#define ESP_SPI_FIRST 0x00100000
#define VPE_SPI_FIRST 0x00001001

// Octets of the frame that carries a clear frame of frame_octets.
uint16_t frame_octets_on_wire(const struct stream_params *params);
// Octets that are encrypted.
uint16_t frame_sealed_octets(const struct stream_params *params);

// Flow's frame with everything that does not change from packet to packet; what is to be encrypted
// is still clear. window: VPE's Window ID.
void frame_write(
	const struct stream_params *params, uint32_t flow, uint16_t window, uint8_t *frame);
// The cipher key of an SA, params->key_octets long; ESP's salt.
void frame_key(const struct stream_params *params, uint32_t sa, uint8_t *key);
extern const uint8_t frame_salt[4];
