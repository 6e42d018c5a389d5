// What a tunnel protocol is to the data path: a table of functions that work on runs of packets of
// one SA. Pure: they write verdicts and crypto operations, and see no ring, port or thread.
#pragma once

#include "base/error.h"
#include "crypto/aead.h"
#include "proto/burst.h"
#include "proto/sa.h"

// Crypto operations of a burst, collected over all its runs and then run together: one for each
// packet with VERDICT_ACCEPT, in their order.
struct aead_batch {
	unsigned n;
	struct aead_op op[BURST_MAX];
	// For nonces and AADs that are not in the packet.
	struct aead_scratch {
		alignas(16) uint8_t nonce[16];
		uint8_t aad[16];
	} scratch[BURST_MAX];
};

// The batch of the whole burst was opened, and some of it is forged: that gets its verdict.
static inline void aead_batch_judge(const struct aead_batch *batch, struct burst *b)
{
	const struct aead_op *op = batch->op;

	for (unsigned i = 0; i < b->n; i++) {
		if (b->verdict[i] == VERDICT_ACCEPT && op++->forged)
			b->verdict[i] = DROP_icv_failed;
	}
}

struct proto_ops {
	const char *name; // as in the configuration
	uint8_t ip_protocol;
	// Of protocols that share an IP protocol number: a packet is this one's if the upper half
	// of its first 32-bit word, read big-endian, is that of an inbound SA (its block), or if
	// nobody's block says otherwise and the row is the default.
	bool default_claim;
	int (*block)(const struct sa_params *params); // 0 .. 65535; NULL: none
	uint8_t spi_offset;			      // of the SPI in the header
	uint8_t seq_offset; // of the sequence number, as it stands in the header
	uint8_t seq_octets; // 4 or 8
	bool little_endian; // both
	bool one_encryptor; // an outbound SA's packets are all encrypted by one worker
	bool has_salt;	    // the key file ends with SA_SALT_OCTETS of salt

	// Says what of the parameters this protocol does not allow. 0 or -EINVAL.
	int (*check)(const struct sa_params *params, bool inbound, struct error *err);
	// Largest inner datagram whose outer packet has at most mtu octets; 0 where none fits.
	uint16_t (*max_inner)(bool outer_ipv6, uint16_t mtu);
	// The first sequence number of an outbound SA that starts at this time (nanoseconds since
	// 1970) and has no record of numbers used before.
	uint64_t (*first_seq)(uint64_t unix_ns);
	// The first octets of a header, eight or more, came back in somebody's ICMP error: as far
	// as they go they are those of a packet that this SA has sent lately. lanes: how many the
	// SA has, one for each worker. For control, at any time.
	bool (*sent_lately)(
		const struct sa_out *sa, uint16_t lanes, const uint8_t *header, uint32_t octets);
	// The ID word of the window that a header's number is of (window.h). The header is whole.
	uint32_t (*window_of)(const uint8_t *header);
	// The last sequence number that may be sent.
	uint64_t (*last_seq)(bool esn);

	// Packets first .. first+n-1 of the burst begin with their inner IP header. Adds the outer
	// and the protocol's headers, takes sequence numbers, appends one operation for each packet
	// with VERDICT_ACCEPT. After the batch is sealed, the packets are ready to route.
	void (*encap)(struct sa_out *sa, uint16_t worker, struct burst *b, uint16_t first,
		uint16_t n, struct aead_batch *batch);
	// Packets begin with their outer IP header. First half: length, sender, window, and for
	// windows of this worker the replay check; appends operations.
	void (*decap)(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first,
		uint16_t n, struct aead_batch *batch);
	// Second half, after the batch was opened (a failed packet's verdict is DROP_icv_failed):
	// claims new windows; packets of this worker's windows are judged, committed and stripped,
	// others get VERDICT_OWNER | worker. True: all packets are accepted, and plain (IPv4
	// without options, no fragments), which packet[] says; else packet[] is not set.
	bool (*finish)(
		struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n);
	// What finish does for packets that another worker authenticated: judged by their owner.
	// The burst's seq is set.
	void (*commit)(
		struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n);
};

// The SPI of a header that is long enough (spi_offset + 4 octets).
static ALWAYS_INLINE uint32_t proto_spi(const struct proto_ops *proto, const uint8_t *header)
{
	const uint8_t *at = header + proto->spi_offset;

	return proto->little_endian ? load_le32(at) : load_be32(at);
}

// The sequence number of a header that is long enough (seq_offset + seq_octets).
static ALWAYS_INLINE uint64_t proto_seq(const struct proto_ops *proto, const uint8_t *header)
{
	const uint8_t *at = header + proto->seq_offset;

	if (proto->seq_octets == 4)
		return proto->little_endian ? load_le32(at) : load_be32(at);
	return proto->little_endian ? load_le64(at) : load_be64(at);
}

#define PROTO_MAX 4

// The program's protocols: filled by main, handed down, never changed.
struct proto_table {
	unsigned n;
	const struct proto_ops *proto[PROTO_MAX];
};

extern const struct proto_ops esp_ops;
extern const struct proto_ops vpe_ops;
