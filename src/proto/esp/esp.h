// What the files of ESP share.
#pragma once

#include "proto/esp/esp_hdr.h"
#include "proto/proto.h"

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
uint64_t esp_guess_seq(uint64_t top, uint32_t size, uint32_t low);

// Writes operation `at` of the batch, the same in both directions. esp: the packet's header, SPI
// and IV in place; ciphertext and ICV follow it.
static ALWAYS_INLINE void esp_write_op(struct aead_batch *batch, unsigned at,
	const struct aead_key *key, const uint8_t salt[SA_SALT_OCTETS], uint8_t *esp, uint64_t seq,
	uint32_t plaintext_octets, const bool esn)
{
	struct aead_op *op = &batch->op[at];
	uint8_t *nonce = batch->scratch[at].nonce;
	uint8_t *aad = esp;

	memcpy(nonce, salt, SA_SALT_OCTETS);
	memcpy(nonce + SA_SALT_OCTETS, esp + ESP_IV, ESP_IV_OCTETS);
	if (esn) {
		aad = batch->scratch[at].aad;
		esp_write_aad(aad, load_be32(esp + ESP_SPI), seq);
	}
	op->key = key;
	op->nonce = nonce;
	op->aad = aad;
	op->data = esp + ESP_PAYLOAD;
	op->tag = esp + ESP_PAYLOAD + plaintext_octets;
	op->octets = plaintext_octets;
	op->aad_octets = esn ? ESP_AAD_ESN_OCTETS : ESP_AAD_OCTETS;
}
