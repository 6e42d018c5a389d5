// ESP on the wire (RFC 4303) with the AEADs of RFC 4106 and RFC 7634: big-endian SPI and the low 32
// bits of the sequence number, 8 octets of IV, ciphertext, 16 octets of ICV. The trailer at the end
// of the plaintext: padding 1, 2, 3 ..., pad length, next header; aligned to 4 octets.
#pragma once

#include "base/bytes.h"
#include "base/compiler.h"

#define ESP_SPI 0
#define ESP_SEQUENCE 4
#define ESP_HEADER 8
#define ESP_IV ESP_HEADER
#define ESP_IV_OCTETS 8
#define ESP_PAYLOAD (ESP_HEADER + ESP_IV_OCTETS)
#define ESP_TRAILER 2 // pad length and next header
#define ESP_ALIGN 4
#define ESP_PADDING 0x030201u // as a little-endian word, as much of it as aligns
#define ESP_ICV_OCTETS 16
#define ESP_MIN (ESP_PAYLOAD + ESP_ALIGN + ESP_ICV_OCTETS)

#define ESP_AAD_OCTETS 8
#define ESP_AAD_ESN_OCTETS 12

#define ESP_SPI_RESERVED 255 // 1 to 255: IANA's; 0: never on the wire

// A trailer as a little-endian word, for pad octets of padding, less than ESP_ALIGN.
#define ESP_TRAILER_WORD(pad, next_header)                  \
	((ESP_PADDING & ((UINT64_C(1) << 8 * (pad)) - 1)) | \
		(uint64_t)((pad) | (next_header) << 8) << 8 * (pad))

static ALWAYS_INLINE void esp_write(uint8_t *header, uint32_t spi, uint64_t seq)
{
	uint64_t big_endian = htobe64(seq);

	// SPI and the number's lower half, then all of it: the counter is the IV, unique under a
	// key, and RFC 4106 asks for no more.
	store_le64(header + ESP_SPI, htobe32(spi) | (big_endian & ~(uint64_t)UINT32_MAX));
	store_le64(header + ESP_IV, big_endian);
}
