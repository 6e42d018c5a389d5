// Keys of the VAES engines: AES round keys (FIPS 197), powers of the hash key, counters. Constant
// time, by the control thread.
#include "base/secret.h"
#include "crypto/engine_vaes.h"
#include "crypto/engine_vaes_block.h"

#include <string.h>

static uint32_t substitute_word(uint32_t word)
{
	__m128i words = _mm_set1_epi32((int)word);

	return (uint32_t)_mm_cvtsi128_si32(_mm_aeskeygenassist_si128(words, 0));
}

static void widen(uint8_t wide[][VAES_UNIT], const uint8_t (*block)[VAES_BLOCK], size_t blocks)
{
	for (size_t i = 0; i < blocks; i++)
		for (size_t at = 0; at < VAES_UNIT; at += VAES_BLOCK)
			memcpy(&wide[i][at], block[i], VAES_BLOCK);
}

// FIPS 197 section 5.2; words are little-endian here, so a rotation goes the other way.
static void expand_round_keys(const uint8_t *cipher_key, size_t octets, struct vaes_key *key)
{
	uint32_t word[4 * 15];
	size_t key_words = octets / sizeof(word[0]);
	size_t words = 4 * (key_words + 7);
	uint32_t round_constant = 1;

	memcpy(word, cipher_key, octets);
	for (size_t i = key_words; i < words; i++) {
		uint32_t next = word[i - 1];

		if (i % key_words == 0) {
			next = substitute_word(next >> 8 | next << 24) ^ round_constant;
			round_constant = round_constant << 1 ^ (round_constant >> 7) * 0x11b;
		} else if (key_words == 8 && i % 8 == 4) {
			next = substitute_word(next);
		}
		word[i] = word[i - key_words] ^ next;
	}
	memcpy(key->round_key, word, words * sizeof(word[0]));
	widen(key->wide_round_key, key->round_key, words / 4);
	secret_wipe(word, sizeof(word));
}

static __m128i encipher(const struct vaes_key *key, size_t rounds, __m128i block)
{
	block = _mm_xor_si128(block, load_block(key->round_key[0]));
	for (size_t i = 1; i < rounds; i++)
		block = _mm_aesenc_si128(block, load_block(key->round_key[i]));
	return _mm_aesenclast_si128(block, load_block(key->round_key[rounds]));
}

// As fold does with vectors of them.
static __m128i fold_block(__m128i block)
{
	const __m128i polynomial = _mm_set1_epi64x(GHASH_POLYNOMIAL);

	return _mm_xor_si128(
		_mm_shuffle_epi32(block, 0x4e), _mm_clmulepi64_si128(block, polynomial, 0x00));
}

static __m128i multiply(__m128i a, __m128i b)
{
	__m128i low = _mm_clmulepi64_si128(a, b, 0x00);
	__m128i high = _mm_clmulepi64_si128(a, b, 0x11);
	__m128i middle =
		_mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x01), _mm_clmulepi64_si128(a, b, 0x10));

	low = _mm_xor_si128(low, _mm_slli_si128(middle, 8));
	high = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
	return _mm_xor_si128(high, fold_block(fold_block(low)));
}

// One bit to the left; what falls out is folded.
static __m128i shift(__m128i block)
{
	__m128i carries = _mm_slli_si128(_mm_srli_epi64(block, 63), 8);
	__m128i fallen = _mm_shuffle_epi32(_mm_srai_epi32(block, 31), 0xff);
	__m128i shifted = _mm_or_si128(_mm_slli_epi64(block, 1), carries);

	return _mm_xor_si128(shifted, _mm_and_si128(fallen, _mm_set_epi64x(GHASH_POLYNOMIAL, 1)));
}

static void expand_powers(size_t rounds, struct vaes_key *key)
{
	const __m128i order = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
	__m128i h = _mm_shuffle_epi8(encipher(key, rounds, _mm_setzero_si128()), order);
	__m128i power;

	h = shift(h);
	power = h;
	for (int i = VAES_POWERS - 1; i >= 0; i--) {
		store_block(key->high_power[i], power);
		store_block(key->low_power[i], fold_block(power));
		power = multiply(power, h);
	}
	// The length block counts bits; octets are counted here.
	store_block(key->data_length, fold_block(shift(shift(shift(h)))));
	for (int i = 0; i < 4; i++)
		store_block(key->aad_length[i], multiply(_mm_set_epi64x(i * 4 * 8, 0), h));
}

static void expand_counters(struct vaes_key *key)
{
	const __m128i zero = _mm_setzero_si128();
	__m128i whitening = load_block(key->round_key[0]);
	__m128i without = _mm_aesenc_si128(whitening, zero);

	for (int i = 0; i <= VAES_CHUNK_BLOCKS; i++) {
		__m128i counter = _mm_insert_epi8(zero, i + 1, 15);
		__m128i whitened = _mm_xor_si128(whitening, counter);

		if (i <= VAES_UNIT / VAES_BLOCK)
			store_block(key->first_counters[i], whitened);
		store_block(
			key->counters[i], _mm_xor_si128(_mm_aesenc_si128(whitened, zero), without));
	}
}

// Zeros are behind the lowest ones.
static void widen_powers(struct vaes_key *key)
{
	const size_t first = VAES_POWERS - VAES_WIDE_POWERS;

	widen(key->wide_low_power, key->low_power + first, VAES_WIDE_POWERS + 1);
	widen(key->wide_high_power, key->high_power + first, VAES_WIDE_POWERS + 1);
}

void vaes_expand(const uint8_t *cipher_key, size_t cipher_key_octets, struct vaes_key *key)
{
	expand_round_keys(cipher_key, cipher_key_octets, key);
	expand_powers(cipher_key_octets / 4 + 6, key);
	expand_counters(key);
	memset(key->low_power[VAES_POWERS], 0, sizeof(key->low_power) - VAES_POWERS * VAES_BLOCK);
	memset(key->high_power[VAES_POWERS], 0, sizeof(key->high_power) - VAES_POWERS * VAES_BLOCK);
	widen_powers(key);
	_mm256_zeroall();
}
