// Two ends of a tunnel without an EAL: SAs, keys, windows, and packet buffers that are exactly as
// large as said, so that AddressSanitizer sees every octet beyond.
#pragma once

#include "crypto/engines.h"
#include "proto/proto.h"

#define RIG_WORKERS 4
#define RIG_SPI 0xc1020304u
#define PACKET_MAX 16384

struct scheme {
	const struct proto_ops *proto;
	enum aead_algorithm algorithm;
	bool esn;
	bool ipv6; // outer
};

// VPE and ESP, all algorithms, both outer families, ESP with and without ESN.
#define SCHEMES 24
struct scheme scheme_at(unsigned i);
const char *scheme_name(const struct scheme *scheme);

// Zero means the default.
struct rig_options {
	const char *engine;  // "auto"
	const uint8_t *key;  // counting octets
	const uint8_t *salt; // 0xa0a1a2a3
	const char *local;   // a documentation address
	const char *remote;
	uint32_t spi;			 // RIG_SPI
	uint32_t replay_window;		 // 64
	uint32_t windows;		 // 8
	uint32_t pool_windows;		 // windows + RIG_WORKERS
	uint64_t first;			 // 1
	uint16_t sender_id;		 // 0
	uint16_t mtu;			 // 9600
	const struct outer_class *class; // the default
};

// What came out for one packet, or the last.
struct outcome {
	uint16_t verdict;
	uint32_t octets;
	uint8_t datagram[PACKET_MAX];
};

struct rig {
	struct scheme scheme;
	struct aead_ctx *ctx;
	struct aead_key *key;
	struct sa_params params;
	struct window_pool pool;
	size_t pool_octets;
	void *pool_memory;
	struct sa_out *out;
	struct sa_in *in;
	struct burst burst;
	struct aead_batch batch;
	struct outcome outcome;
};

void rig_open(struct rig *rig, struct scheme scheme, const struct rig_options *options);
void rig_close(struct rig *rig);
uint16_t rig_l4(const struct rig *rig);

// A buffer with head octets of room before the copied data and tail behind. Freed with
// packet_free; burst_drop frees those of a burst.
struct rte_mbuf *packet_new(const uint8_t *data, uint32_t octets, uint32_t head, uint32_t tail);
void packet_free(struct rte_mbuf *m);
void burst_add(struct burst *b, struct rte_mbuf *m, uint16_t l4);
void burst_drop(struct burst *b);
// Adds a received outer packet: no room on either side.
void rig_arrive(struct rig *rig, const uint8_t *outer, uint32_t octets);

// Operation `op` of the batch is of packet i's data.
void assert_operation(const struct rig *rig, unsigned op, unsigned i);

// The whole burst through encap and seal; decap, open and the verdict of what failed; finish.
void rig_encap(struct rig *rig, uint16_t worker);
void rig_decap(struct rig *rig, uint16_t worker);
void rig_finish(struct rig *rig, uint16_t worker);
void rig_commit(struct rig *rig, uint16_t worker);

// One inner datagram by the SA's own encap. Returns octets of outer.
uint32_t rig_send(
	struct rig *rig, uint16_t worker, const uint8_t *inner, uint32_t octets, uint8_t *outer);
// One outer packet through decap and finish. The outcome is in rig->outcome; returns the verdict.
uint16_t rig_receive(struct rig *rig, uint16_t worker, const uint8_t *outer, uint32_t octets);

// What encap would never write. Zero fields: Sender 0 and Window 1, number 1, the SA's SPI.
struct forgery {
	uint16_t sender_id;
	uint16_t window_id;
	bool window_zero; // really Window ID 0
	bool seq_zero;
	uint64_t seq;
	uint8_t traffic_class; // outer
};

// Seals octets of plaintext (ESP: with the trailer in it) into an outer packet, all headers written
// here. Returns octets of outer.
uint32_t rig_forge(struct rig *rig, const struct forgery *forgery, const uint8_t *plaintext,
	uint32_t octets, uint8_t *outer);

// Inner datagrams with a right header and a payload that depends on octets and seed.
void make_ipv4(uint8_t *at, uint32_t octets, uint8_t traffic_class, uint64_t seed);
void make_ipv6(uint8_t *at, uint32_t octets, uint8_t traffic_class, uint64_t seed);
// Appends an ESP trailer that is right. Returns the octets with it.
uint32_t add_trailer(uint8_t *plaintext, uint32_t octets, uint8_t next_header);

// A copy of all that receiving may change: table, pool, windows. Without the counters of refused
// packets, which may.
struct snapshot {
	size_t octets;
	uint8_t *memory;
};
struct snapshot snapshot_take(const struct rig *rig);
// Compares with what is now and frees.
bool snapshot_same(struct snapshot *snapshot, const struct rig *rig);
