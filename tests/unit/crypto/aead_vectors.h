// Published vectors of tests/vectors/aead, read at run time.
#pragma once

#include "crypto/aead.h"

struct aead_vector {
	const char *file;
	const char *name; // as its source calls it
	enum aead_algorithm algorithm;
	uint8_t key[AEAD_KEY_MAX];
	uint8_t nonce[AEAD_NONCE_OCTETS];
	uint8_t aad[AEAD_AAD_MAX];
	uint8_t plaintext[1024];
	uint8_t ciphertext[1024];
	uint8_t tag[AEAD_TAG_OCTETS];
	uint8_t aad_octets;
	uint32_t octets;
};

typedef void aead_vector_visit(const struct aead_vector *vector, void *arg);

// Visits every vector of every file below root. Fails the running test if one is not as it should
// be. Returns how many there were.
unsigned aead_vectors_each(const char *root, aead_vector_visit *visit, void *arg);
