// Four packets at once, each in a lane of vectors that every CPU of the lowest kind has: what one
// packet after the other costs most instructions for.
#pragma once

#include "proto/burst.h"
#include "proto/ip_hdr.h"
#include "proto/pkt.h"

#include <smmintrin.h>

// A number of each packet, lane 0 first.
typedef uint32_t four __attribute__((vector_size(16)));

static ALWAYS_INLINE four four_of(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	return (four){a, b, c, d};
}

static ALWAYS_INLINE four four_same(uint32_t a)
{
	return four_of(a, a, a, a);
}

// What stands `offset` octets behind each place, as it lies in memory.
static ALWAYS_INLINE four four_load(const uint8_t *const place[4], ptrdiff_t offset)
{
	return four_of(load_le32(place[0] + offset), load_le32(place[1] + offset),
		load_le32(place[2] + offset), load_le32(place[3] + offset));
}

// The same of the four octets there and of the four behind them.
static ALWAYS_INLINE void four_load_two(
	const uint8_t *const place[4], ptrdiff_t offset, four *first, four *second)
{
	__m128 low = _mm_setzero_ps();
	__m128 high = _mm_setzero_ps();

	low = _mm_loadl_pi(low, (const void *)(place[0] + offset));
	low = _mm_loadh_pi(low, (const void *)(place[1] + offset));
	high = _mm_loadl_pi(high, (const void *)(place[2] + offset));
	high = _mm_loadh_pi(high, (const void *)(place[3] + offset));
	*first = (four)_mm_shuffle_ps(low, high, _MM_SHUFFLE(2, 0, 2, 0));
	*second = (four)_mm_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1));
}

// Some bit of some lane is set.
static ALWAYS_INLINE bool four_any(four v)
{
	return !_mm_testz_si128((__m128i)v, (__m128i)v);
}

// Some lane is below zero, read as a signed number.
static ALWAYS_INLINE bool four_any_negative(four v)
{
	return _mm_movemask_ps((__m128)v) != 0;
}

static ALWAYS_INLINE uint64_t four_sum(four v)
{
	return (uint64_t)v[0] + v[1] + v[2] + v[3];
}

// Octets of buffers that are packets of their own.
static ALWAYS_INLINE four pkt_four_octets(struct rte_mbuf *const m[4])
{
	return four_of(m[0]->pkt_len, m[1]->pkt_len, m[2]->pkt_len, m[3]->pkt_len);
}

// Where they begin.
static ALWAYS_INLINE void pkt_four_begin(struct rte_mbuf *const m[4], const uint8_t *begin[4])
{
	for (unsigned i = 0; i < 4; i++)
		begin[i] = rte_pktmbuf_mtod(m[i], const uint8_t *);
}

// As pkt_narrow, with the same in front of each.
static ALWAYS_INLINE void pkt_four_narrow(struct rte_mbuf *const m[4], uint16_t front, four octets)
{
	__m128i low = _mm_unpacklo_epi32((__m128i)octets, (__m128i)octets);
	__m128i high = _mm_unpackhi_epi32((__m128i)octets, (__m128i)octets);
	uint64_t lengths[4];

	memcpy(&lengths[0], &low, sizeof(low));
	memcpy(&lengths[2], &high, sizeof(high));
	for (unsigned i = 0; i < 4; i++) {
		pkt_fence_narrow(m[i], front, (uint16_t)octets[i]);
		m[i]->data_off = (uint16_t)(m[i]->data_off + front);
		pkt_set_lengths(m[i], lengths[i]);
	}
}

// IPv4 headers of 20 octets: word[i] has the i-th four octets of each, as they lie in memory.
struct ipv4_four {
	four word[IPV4_HEADER_MIN / 4];
};

static ALWAYS_INLINE struct ipv4_four ipv4_four_load(const uint8_t *const header[4])
{
	struct ipv4_four ip;
	__m128i row[4];

	for (unsigned i = 0; i < 4; i++)
		memcpy(&row[i], header[i], sizeof(row[i]));
	__m128i low01 = _mm_unpacklo_epi32(row[0], row[1]);
	__m128i low23 = _mm_unpacklo_epi32(row[2], row[3]);
	__m128i high01 = _mm_unpackhi_epi32(row[0], row[1]);
	__m128i high23 = _mm_unpackhi_epi32(row[2], row[3]);
	ip.word[0] = (four)_mm_unpacklo_epi64(low01, low23);
	ip.word[1] = (four)_mm_unpackhi_epi64(low01, low23);
	ip.word[2] = (four)_mm_unpacklo_epi64(high01, high23);
	ip.word[3] = (four)_mm_unpackhi_epi64(high01, high23);
	ip.word[4] = four_load(header, 16);
	return ip;
}

// Total lengths.
static ALWAYS_INLINE four ipv4_four_total(const struct ipv4_four *ip)
{
	const __m128i octets =
		_mm_set_epi8(-1, -1, 14, 15, -1, -1, 10, 11, -1, -1, 6, 7, -1, -1, 2, 3);

	return (four)_mm_shuffle_epi8((__m128i)ip->word[0], octets);
}

// Zero where a header sums to all ones (RFC 1071). To be added in pairs, words of 16 bits are read
// as signed ones, less by 0x8000 than they are: ten of them by 0x50000.
static ALWAYS_INLINE four ipv4_four_checksum(const struct ipv4_four *ip)
{
	const __m128i ones = _mm_set1_epi16(1);
	four sum = four_same(0x50000);

	for (unsigned i = 0; i < IPV4_HEADER_MIN / 4; i++)
		sum += (four)_mm_madd_epi16((__m128i)(ip->word[i] ^ 0x80008000), ones);
	// At most ten times 0xffff, and not zero, as a version is not: folded once, all multiples
	// of 0xffff are that number itself.
	return ((sum & 0xffff) + (sum >> 16)) ^ 0xffff;
}

// Zero where a header has no options, is of no fragment and its checksum is right.
static ALWAYS_INLINE four ipv4_four_other(const struct ipv4_four *ip)
{
	const uint32_t fragment = htobe16(IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET);

	return ((ip->word[0] ^ (4 << 4 | IPV4_HEADER_MIN / 4)) & 0xff) |
		(ip->word[IPV4_FRAGMENT / 4] & fragment << 16) | ipv4_four_checksum(ip);
}

// Negative where a packet is shorter than its header or longer than room.
static ALWAYS_INLINE four ipv4_four_misfit(four total, four room)
{
	return (room - total) | (total - IPV4_HEADER_MIN);
}

// Negative where ipv4_source_wrong.
static ALWAYS_INLINE four ipv4_four_source_wrong(const struct ipv4_four *ip)
{
	four first = ip->word[IPV4_SOURCE / 4] & 0xff;

	return (223 - first) | ((first ^ 127) - 1);
}

// The first fields of struct packet as one number; those of four packets, and the rest of each.
#define PACKET_BEGIN(l4, protocol, flags) \
	((uint32_t)(l4) | (uint32_t)(protocol) << 16 | (uint32_t)(flags) << 24)

struct packet_four {
	four begin;
	four end;
};

static ALWAYS_INLINE struct packet_four packet_four(const struct packet packet[4])
{
	__m128 low, high;

	memcpy(&low, packet, sizeof(low));
	memcpy(&high, packet + 2, sizeof(high));
	return (struct packet_four){
		.begin = (four)_mm_shuffle_ps(low, high, _MM_SHUFFLE(2, 0, 2, 0)),
		.end = (four)_mm_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1)),
	};
}

// The protocol of each, where a packet's first fields have it.
static ALWAYS_INLINE four ipv4_four_protocol(const struct ipv4_four *ip)
{
	return (ip->word[IPV4_PROTOCOL / 4] << 8) & PACKET_BEGIN(0, UINT8_MAX, 0);
}

// Zero where a header has this protocol.
static ALWAYS_INLINE four ipv4_four_other_protocol(const struct ipv4_four *ip, uint8_t protocol)
{
	return ipv4_four_protocol(ip) ^ PACKET_BEGIN(0, protocol, 0);
}

// As packet_is_plain. end: as packet_four says it.
static ALWAYS_INLINE void packet_four_are_plain(
	struct packet packet[4], const struct ipv4_four *ip, four end)
{
	four begin = ipv4_four_protocol(ip) | PACKET_BEGIN(IPV4_HEADER_MIN, 0, 0);
	__m128i low = _mm_unpacklo_epi32((__m128i)begin, (__m128i)end);
	__m128i high = _mm_unpackhi_epi32((__m128i)begin, (__m128i)end);

	memcpy(packet, &low, sizeof(low));
	memcpy(packet + 2, &high, sizeof(high));
}
