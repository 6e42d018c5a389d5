// The VPE header on the wire (ARES 2020 section 4.4, docs/vpe-protocol.md): 32 octets,
// little-endian, then ciphertext to the end of the packet.
#pragma once

#include "base/bytes.h"
#include "base/compiler.h"

#define VPE_SENDER_ID 0
#define VPE_WINDOW_ID 2
#define VPE_SEQUENCE 4
#define VPE_SPI 12
#define VPE_ICV 16
#define VPE_HEADER 32
#define VPE_MIN (VPE_HEADER + 1)
#define VPE_NONCE 0 // the nonce is the header's first 12 octets

#define VPE_EPOCH UINT64_C(1767225600) // 2026-01-01T00:00:00Z, where time-based numbers begin

#define VPE_SEQ_MAX UINT64_MAX // never sent, as is zero

// Sender ID and Window ID together, as one little-endian word.
static ALWAYS_INLINE uint32_t vpe_id_word(uint16_t sender_id, uint32_t window_id)
{
	return (uint32_t)sender_id | window_id << 16;
}

static ALWAYS_INLINE uint16_t vpe_window_id(uint32_t id_word)
{
	return (uint16_t)(id_word >> 16);
}

static ALWAYS_INLINE void vpe_write(uint8_t *header, uint32_t id_word, uint64_t seq, uint32_t spi)
{
	store_le32(header, id_word);
	store_le64(header + VPE_SEQUENCE, seq);
	store_le32(header + VPE_SPI, spi);
}
