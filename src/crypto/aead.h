// The AEAD engine contract, and the front that the other layers call. RFC 5116 words: seal and
// open, key, nonce, associated data (AAD), tag (ESP's ICV). All operations are in place.
#pragma once

#include "base/compiler.h"
#include "base/error.h"

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define AEAD_NONCE_OCTETS 12
#define AEAD_TAG_OCTETS 16
#define AEAD_AAD_MAX 12
#define AEAD_KEY_MAX 32
#define AEAD_ENGINES_MAX 8

enum aead_algorithm {
	AEAD_AES_128_GCM,
	AEAD_AES_192_GCM,
	AEAD_AES_256_GCM,
	AEAD_CHACHA20_POLY1305,
	AEAD_ALGORITHMS
};

// An expanded key. Written once by the control thread, read by every worker, freed when none can
// still hold it. Lives in secret memory.
struct aead_key {
	const struct aead_engine *engine;
	enum aead_algorithm algorithm;
	alignas(CACHE_LINE)
		uint8_t expanded[]; // the engine's own format, engine->key_octets() long
};

// One packet's work. data is overwritten; tag is written by seal and compared by open, and may lie
// anywhere outside data. aad_octets is 0, 8 or 12. nonce and aad may point into the packet, outside
// data.
struct aead_op {
	const struct aead_key *key;
	const uint8_t *nonce; // AEAD_NONCE_OCTETS
	const uint8_t *aad;
	uint8_t *data;
	uint8_t *tag; // AEAD_TAG_OCTETS
	uint32_t octets;
	uint8_t aad_octets;
	bool forged; // false at first; open sets it where the tag is wrong
};

// All but aad, which only those need that have one.
static ALWAYS_INLINE void aead_op_write(struct aead_op *op, const struct aead_key *key,
	const uint8_t *nonce, uint8_t aad_octets, uint8_t *data, uint32_t octets, uint8_t *tag)
{
	uint64_t both = octets | (uint64_t)aad_octets << 32; // and not forged

	op->key = key;
	op->nonce = nonce;
	op->data = data;
	op->tag = tag;
	memcpy(&op->octets, &both, sizeof(both));
}
static_assert(offsetof(struct aead_op, aad_octets) == offsetof(struct aead_op, octets) + 4 &&
		offsetof(struct aead_op, forged) == offsetof(struct aead_op, octets) + 5,
	"they are written by one store");

// One implementation of some of the algorithms. A row in the program's table of engines; nothing
// else is known about it.
struct aead_engine {
	const char *name;
	// This CPU and this build can run it.
	bool (*probe)(void);
	bool (*supports)(enum aead_algorithm algorithm);
	// Octets of an expanded key.
	size_t (*key_octets)(enum aead_algorithm algorithm);
	// Writes the expanded form of key (aead_key_octets() long) into expanded, which is 64-octet
	// aligned. It begins with the key itself, as AES's key schedule does (FIPS 197, section
	// 5.2). 0 or -errno. Control thread.
	int (*expand)(enum aead_algorithm algorithm, const uint8_t *key, void *expanded);
	// What a worker needs of its own (managers, cipher contexts): made once per worker, used by
	// that worker alone. 0 or -errno.
	int (*ctx_create)(void **ctx);
	void (*ctx_destroy)(void *ctx);
	// n operations whose keys are all of this algorithm and this engine. open_burst compares
	// tags in constant time, marks a packet that fails as forged and wipes its output; true:
	// none did.
	void (*seal_burst)(
		void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n);
	bool (*open_burst)(
		void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n);
};

// The program's engines in order of preference: filled by main, handed down, never changed.
struct aead_table {
	unsigned n;
	const struct aead_engine *engine[AEAD_ENGINES_MAX];
};

// A known answer (published vectors). Octet strings in the order of RFC 5116.
struct aead_known_answer {
	const char *source;
	enum aead_algorithm algorithm;
	uint8_t key[AEAD_KEY_MAX];
	uint8_t nonce[AEAD_NONCE_OCTETS];
	uint8_t aad[AEAD_AAD_MAX];
	uint8_t plaintext[128];
	uint8_t ciphertext[128];
	uint8_t tag[AEAD_TAG_OCTETS];
	uint8_t aad_octets;
	uint8_t octets; // of plaintext and ciphertext
};

// The answers of the start-up self-test.
extern const struct aead_known_answer aead_known_answers[];
extern const unsigned aead_known_answers_count;

// Octets of the cipher key, without any salt: 16, 24 or 32.
size_t aead_key_octets(enum aead_algorithm algorithm);
// "aes-128-gcm", "aes-192-gcm", "aes-256-gcm", "chacha20-poly1305".
const char *aead_name(enum aead_algorithm algorithm);
// 0 or -ENOENT.
int aead_by_name(const char *name, enum aead_algorithm *algorithm);

// Runs every answer that the engine supports, both directions, and shows that a changed tag is
// refused. 0; -EBADMSG with the vector's source in err, also if no answer was for this engine;
// -ENOTSUP if it does not probe.
int aead_self_test(const struct aead_engine *engine, const struct aead_known_answer *answers,
	unsigned n, struct error *err);

// The first engine of the table that probes and supports the algorithm; with wanted (not NULL, not
// "auto") the one of that name. NULL if there is none.
const struct aead_engine *aead_choose(
	const struct aead_table *table, enum aead_algorithm algorithm, const char *wanted);

// Expands key (aead_key_octets() octets, stays the caller's). Free with aead_key_destroy.
int aead_key_create(const struct aead_engine *engine, enum aead_algorithm algorithm,
	const uint8_t *key, struct aead_key **created);
// Wipes. NULL is fine.
void aead_key_destroy(struct aead_key *key);

// The cipher key, aead_key_octets() long.
void aead_key_reveal(const struct aead_key *key, uint8_t revealed[AEAD_KEY_MAX]);

// A worker's contexts of all engines of the table that probe.
struct aead_ctx;
int aead_ctx_create(const struct aead_table *table, struct aead_ctx **created);
void aead_ctx_destroy(struct aead_ctx *ctx);

// n operations of any keys; neighbours of one engine and algorithm go to the engine together. True:
// all that were opened are authentic. None may be marked as forged before.
void aead_seal_burst(struct aead_ctx *ctx, struct aead_op *ops, unsigned n);
bool aead_open_burst(struct aead_ctx *ctx, struct aead_op *ops, unsigned n);
// The same where they are known to be of one engine and algorithm, as those of one key are.
void aead_seal_run(struct aead_ctx *ctx, struct aead_op *ops, unsigned n);
bool aead_open_run(struct aead_ctx *ctx, struct aead_op *ops, unsigned n);
