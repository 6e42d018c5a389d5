// What the files of ESP share.
#pragma once

#include "proto/esp/esp_hdr.h"
#include "proto/proto.h"

#include <smmintrin.h>

// An ESP SA has one window: any ID word but zero names it.
#define ESP_WINDOW 1

void esp_encap(struct sa_out *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n,
	struct aead_batch *batch);
void esp_decap(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n,
	struct aead_batch *batch);
bool esp_finish(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n);
void esp_commit(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n);

// The 64-bit sequence number that a received low half most likely has, given the window's top and
// its size in packets (RFC 4303 appendix A2.2).
static ALWAYS_INLINE uint64_t esp_guess_seq(uint64_t top, uint32_t size, uint32_t low)
{
	uint32_t top_low = (uint32_t)top;
	uint64_t high = top >> 32;
	uint32_t bottom = top_low - size + 1; // may wrap, as the window then does

	if (top_low >= size - 1) {
		if (low < bottom)
			high++;
	} else if (low >= bottom && high > 0) {
		high--;
	}
	return high << 32 | low;
}

// Four octets, eight behind them, and four of zero, as they lie in memory, by one store: fewer of
// them are faster, even where they take more instructions.
static ALWAYS_INLINE void esp_write_scratch(uint8_t at[16], uint32_t four, uint64_t eight)
{
	__m128i both = _mm_slli_si128(_mm_cvtsi64_si128((int64_t)eight), 4);

	_mm_store_si128((void *)at, _mm_or_si128(both, _mm_cvtsi32_si128((int32_t)four)));
}

// Writes an operation, the same in both directions. esp: the packet's header, SPI and IV in place;
// ciphertext and ICV follow it.
static ALWAYS_INLINE void esp_write_op(struct aead_op *op, struct aead_scratch *scratch,
	const struct aead_key *key, const uint8_t salt[SA_SALT_OCTETS], uint8_t *esp, uint64_t seq,
	uint32_t plaintext_octets, const bool esn)
{
	uint8_t *aad = esp;

	esp_write_scratch(scratch->nonce, load_le32(salt), load_le64(esp + ESP_IV));
	// The upper half of an extended sequence number is authenticated, never sent (RFC 4303
	// section 2.2.1).
	if (esn) {
		aad = scratch->aad;
		esp_write_scratch(aad, load_le32(esp + ESP_SPI), htobe64(seq));
	}
	op->aad = aad;
	aead_op_write(op, key, scratch->nonce, esn ? ESP_AAD_ESN_OCTETS : ESP_AAD_OCTETS,
		esp + ESP_PAYLOAD, plaintext_octets, esp + ESP_PAYLOAD + plaintext_octets);
}
