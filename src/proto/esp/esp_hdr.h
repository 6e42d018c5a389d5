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

static ALWAYS_INLINE void esp_write(uint8_t *header, uint32_t spi, uint64_t seq)
{
	store_be32(header + ESP_SPI, spi);
	store_be32(header + ESP_SEQUENCE, (uint32_t)seq);
	// The counter is the IV: unique under a key, and RFC 4106 asks for no more.
	store_be64(header + ESP_IV, seq);
}
