// The security association (RFC 4301 section 4.4.2) in its views: what was asked for, what senders
// need per packet, what receivers need per packet. What all workers read lies apart from what one
// of them writes.
#pragma once

#include "base/addr.h"
#include "crypto/aead.h"
#include "proto/drop.h"
#include "proto/outer.h"
#include "proto/window.h"

#include <stdalign.h>

#define SA_SALT_OCTETS 4
// Drop counters of one worker, in whole cache lines.
#define SA_OUT_DROPS_STRIDE ((DROP_SA_END + 7) / 8 * 8)
#define SA_NO_OWNER UINT16_MAX
#define SA_WINDOWS_DEFAULT 64
#define SA_WINDOWS_MAX 65535

struct adjacency;
struct proto_ops;

// Inbound ESP SPIs below are read as VPE's Sender ID 0 (docs/vpe-protocol.md).
#define SA_ESP_SPI_MIN 0x00010000

// What a configuration or a request says of an SA. The addresses are the outer header's, seen from
// this gateway.
struct sa_params {
	const struct proto_ops *proto;
	struct ip_addr local;
	struct ip_addr remote;
	uint32_t spi; // host byte order
	enum aead_algorithm algorithm;
	uint8_t salt[SA_SALT_OCTETS]; // ESP only (RFC 4106, RFC 7634)
	bool esn;		      // ESP only
	uint16_t sender_id;	      // VPE only
	uint32_t replay_window;	      // inbound: packets
	uint32_t windows;	      // inbound VPE: most windows at a time
	uint64_t first;		      // outbound: first sequence number
	bool journaled;		      // control gives leases and edges, before there are none
	struct outer_class class;     // outbound
};

// How a worker takes part in an outbound SA. One cache line per worker and SA.
struct sa_out_lane {
	// The worker writes, control reads (relaxed).
	alignas(CACHE_LINE) uint64_t next; // sequence number of the next packet
	uint64_t packets;
	uint64_t octets; // inner
	// Control writes (release), the worker reads (acquire): next never reaches it.
	uint64_t lease_end;
	// The data plane's own: where the outer packets of this header (below) go next, while its
	// tables are these.
	const struct adjacency *hop;
	uint64_t hop_epoch;
	uint32_t hop_header;
	// Why a packet at the lease's end is dropped. Control writes, the worker reads, relaxed.
	_Atomic uint16_t without_lease; // enum drop_reason
	// Constant.
	uint32_t window_id; // VPE
};

// Outbound runtime part: constant while workers see it, but for what is said to change.
struct sa_out {
	const struct proto_ops *proto;
	const struct aead_key *key;
	struct sa_out_lane *lane; // one per worker
	uint64_t *drops;	  // per worker, DROP_SA_END each; the worker writes, control reads
	uint32_t spi;
	uint16_t owner;	     // the one worker that encrypts, or SA_NO_OWNER: every worker may
	uint16_t lanes_used; // by workers that encrypt for it
	// Octets of an inner datagram that fit the tunnel MTU. Control writes, workers read, both
	// relaxed.
	_Atomic uint16_t max_inner;
	_Atomic uint16_t path_mtu; // octets of an outer packet, likewise
	uint16_t sender_id;
	uint8_t salt[SA_SALT_OCTETS];
	bool esn;
	bool ipv6;	 // outer
	uint32_t header; // of those that share the lanes: each has another number
	struct ip_addr remote;
	alignas(CACHE_LINE) struct outer outer;
};

struct sa_in_lane {
	// The worker writes, control reads (relaxed).
	alignas(CACHE_LINE) uint64_t packets; // judged and accepted here
	uint64_t octets;		      // inner
	uint64_t handed_over;		      // authenticated here, judged by the window's owner
	uint64_t drops[DROP_SA_END];
};

// Inbound runtime part: constant while workers see it, but for what is said to change.
struct sa_in {
	alignas(CACHE_LINE) const struct proto_ops *proto;
	const struct aead_key *key;
	struct window_table *windows;
	struct window_pool *pool;
	struct sa_in_lane *lane; // one per worker
	uint32_t spi;
	uint16_t sender_id;
	uint16_t tunnel; // index, for the selector check
	int32_t block;	 // proto_ops' block
	uint8_t salt[SA_SALT_OCTETS];
	bool esn;
	struct ip_addr local;
	struct ip_addr remote;
};

// Who the workers are, as far as an SA must know.
struct sa_workers {
	uint16_t n;
	uint16_t encrypt_n;
	const uint16_t *encrypt_index; // of worker i among the encrypting ones; UINT16_MAX: none
	const uint16_t *encrypt;       // worker of encrypt index i
};

// The lane has a counter of its own, and not a share of another's.
bool sa_out_has_counter(const struct sa_out *sa, const struct sa_workers *workers, uint16_t worker);

// Octets of the runtime parts, lanes and tables included; the memory is the caller's, aligned to
// CACHE_LINE. key is kept, not owned.
size_t sa_out_octets(const struct sa_workers *workers);
struct sa_out *sa_out_init(void *memory, const struct sa_params *params, const struct aead_key *key,
	const struct sa_workers *workers, uint16_t path_mtu);
// Outer packets may have this many octets from now on.
void sa_out_set_path_mtu(struct sa_out *sa, uint16_t path_mtu);
// A second header for what `from` counts: its lanes, drops and key, so no number comes twice
// whichever of the two a worker sees. What params say of addresses, SPI, Sender ID and class is
// new. header: the number of this one, from 1; none before had it. memory: sizeof(struct sa_out),
// aligned to CACHE_LINE.
struct sa_out *sa_out_move(void *memory, const struct sa_out *from, uint32_t header,
	const struct sa_params *params, uint16_t path_mtu);
size_t sa_in_octets(const struct sa_params *params, const struct sa_workers *workers);
struct sa_in *sa_in_init(void *memory, const struct sa_params *params, const struct aead_key *key,
	const struct sa_workers *workers, uint16_t tunnel, struct window_pool *pool);
// The same for receivers: windows, lanes and key stay those of `from`. sizeof(struct sa_in).
struct sa_in *sa_in_move(
	void *memory, const struct sa_in *from, const struct sa_params *params, uint16_t tunnel);
// Gives the windows back. No worker may still see the SA.
void sa_in_fini(struct sa_in *sa);

static ALWAYS_INLINE uint16_t sa_out_max_inner(const struct sa_out *sa)
{
	return atomic_load_explicit(&sa->max_inner, memory_order_relaxed);
}

static ALWAYS_INLINE uint16_t sa_out_path_mtu(const struct sa_out *sa)
{
	return atomic_load_explicit(&sa->path_mtu, memory_order_relaxed);
}

// Octets of an inner datagram of this family that may enter the tunnel. IPv6 hosts are never told
// to send less than IPV6_MTU_MIN, so those enter, whatever becomes of the outer packet.
static ALWAYS_INLINE uint16_t sa_out_admits(const struct sa_out *sa, bool ipv6)
{
	uint16_t most = sa_out_max_inner(sa);

	return ipv6 && unlikely(most < IPV6_MTU_MIN) ? IPV6_MTU_MIN : most;
}

static ALWAYS_INLINE uint64_t *sa_out_drops(struct sa_out *sa, uint16_t worker)
{
	return sa->drops + (size_t)worker * SA_OUT_DROPS_STRIDE;
}
