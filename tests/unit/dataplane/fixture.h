// A gateway on memory ports, turned by hand: a real EAL without huge pages, two ports made of
// rings, tunnels whose far ends are here too, and a model of what every counter must say.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../random.h"
#include "crypto/engines.h"
#include "dataplane/dataplane.h"
#include "dataplane/flow.h"
#include "dataplane/forward.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define LAN 0	    // protected
#define WAN 1	    // unprotected
#define LAB_PORTS 2 // with devices of their own
#define VLAN 2	    // one VLAN of the first, where a test asks for it
#define LAB_WORKERS 4
#define LAB_QUEUES 4
#define LAB_TUNNELS 16
#define LAB_POLICIES 64
#define LAB_ROUTES 64
#define LAB_NEIGHBOURS 64
#define LAB_BUFFERS 8191
#define LAB_POOL_MAX (LAB_BUFFERS + LAB_WORKERS * (REASSEMBLY_ENTRIES + PARK_MAX))
#define PACKET_MAX 2048
#define ETHER 14

// VPED_TEST_FULL=1: the long form of the tests that have one.
static inline bool full_run(void)
{
	const char *full = getenv("VPED_TEST_FULL");

	return full != NULL && strcmp(full, "1") == 0;
}

// Zero means the default.
struct lab_params {
	const char *roles;	// a letter a worker: b(oth), e(ncrypt), d(ecrypt); "b"
	unsigned rx[LAB_PORTS]; // queues; as many as workers
	unsigned tx[LAB_PORTS];
	bool devices;		  // each queue a device of its own
	unsigned ring;		  // of a queue; 1024
	uint16_t mtu[LAB_PORTS];  // 1500
	uint16_t vlan;		  // of LAN's; none
	unsigned burst;		  // BURST_MAX
	unsigned replay_pool_kb;  // 1024
	uint32_t punt_per_second; // of each class; no limit
	uint32_t tell_per_second; // no limit
	const struct proto_table *protos;
	bool bare;     // no routes and neighbours
	bool no_flows; // workers remember none
	bool tell_refusals;
};

struct lab_tunnel_params {
	const struct proto_ops *proto; // vpe_ops
	enum aead_algorithm algorithm; // AES-128-GCM
	bool esn;
	bool outer6;
	const char *engine;
	const char *local;	// the gateway's address
	uint32_t spi_in;	// of packets to the gateway
	uint64_t first;		// the gateway's first number; 1
	uint64_t peer_first;	// 1
	uint16_t sender_id;	// both directions
	uint32_t replay_window; // 1024
	uint32_t windows;	// 16
	bool journaled;		// inbound: the test gives edges
};

struct lab_tunnel {
	struct tunnel tunnel;
	struct sa *out;
	struct sa *in;
	// The far gateway's view of the same.
	struct tunnel far;
	struct sa *peer_out;
	struct sa *peer_in;
	uint8_t key_out[AEAD_KEY_MAX];
	uint8_t key_in[AEAD_KEY_MAX];
};

// What counters must say.
struct lab_expected {
	uint64_t rx[LAB_WORKERS][LAB_PORTS];
	uint64_t tx[LAB_WORKERS][LAB_PORTS];
	uint64_t untold[LAB_WORKERS][LAB_PORTS];
	uint64_t injected[LAB_WORKERS][LAB_PORTS];
	uint64_t fragmented[LAB_WORKERS][LAB_PORTS];
	uint64_t reassembled[LAB_WORKERS][LAB_PORTS];
	uint64_t punts[LAB_WORKERS][LAB_PORTS][PUNT_CLASS_COUNT];
	uint64_t punts_refused[LAB_WORKERS][LAB_PORTS][PUNT_CLASS_COUNT];
	uint64_t drops[LAB_WORKERS][LAB_PORTS][DROP_REASONS];
	struct {
		uint64_t packets[LAB_WORKERS];
		uint64_t octets[LAB_WORKERS];
		uint64_t handed_over[LAB_WORKERS];
		uint64_t drops[LAB_WORKERS][DROP_SA_END];
	} in[LAB_TUNNELS], out[LAB_TUNNELS];
	uint64_t handed_out[LAB_WORKERS];
	uint64_t handed_in[LAB_WORKERS];
	uint64_t encap_out[LAB_WORKERS];
	uint64_t encap_in[LAB_WORKERS];
};

struct lab {
	struct dataplane *dp;
	struct lab_params params;
	struct rte_ring *rx[LAB_PORTS][LAB_QUEUES];
	struct rte_ring *tx[LAB_PORTS][LAB_QUEUES];
	unsigned rxqs[LAB_PORTS];
	unsigned txqs[LAB_PORTS];
	unsigned buffers; // in the pool when all was new
	unsigned tunnels;
	struct lab_tunnel tunnel[LAB_TUNNELS];
	unsigned policies;
	struct policy policy[LAB_POLICIES];
	unsigned routes;
	struct fwd_route route[LAB_ROUTES];
	unsigned neighbours;
	struct fwd_neighbour neighbour[LAB_NEIGHBOURS];
	// The far side.
	struct aead_ctx *aead;
	struct window_pool peer_windows;
	struct burst burst;
	struct aead_batch batch;
	struct lab_expected expected;
	bool loose; // counters are not compared at the end
};

extern const struct proto_table lab_protos;
// How the far gateways number their lanes: as many encrypting workers as a window may have.
extern const struct sa_workers peer_workers;

// Once a program, before anything else. lcores as in --lcores, NULL: as many as LAB_WORKERS need.
void lab_eal(const char *lcores);

struct lab *lab_open(const struct lab_params *params);
// Asserts that every buffer is back, no ring holds anything and all counters are as expected.
void lab_close(struct lab *lab);
// cmocka's: *state is a struct lab_params or NULL, then the lab.
int lab_setup(void **state);
int lab_teardown(void **state);
#define LAB_TEST(f, params)                                                 \
	{                                                                   \
#f, f, lab_setup, lab_teardown, (void *)(uintptr_t)(params) \
	}

// The rings and devices alone, and what a data plane on them is created with.
void lab_open_ports(struct lab *lab);
void lab_close_ports(struct lab *lab);
struct dataplane_params *lab_dataplane_params(const struct lab *lab);

unsigned lab_workers(const struct lab *lab);
void lab_turn(struct lab *lab, unsigned worker);
// Turns all workers until none finds anything.
void lab_turn_all(struct lab *lab);

// Tables. Everything below is seen by workers after lab_publish.
unsigned lab_tunnel(struct lab *lab, const struct lab_tunnel_params *params);
// "10.1.0.0/16" for each; protocol SELECTOR_ANY_PROTOCOL and all ports, or as given.
struct policy *lab_policy(struct lab *lab, const char *source, const char *destination,
	enum policy_action action, unsigned tunnel);
// Local nets 10.1.0.0/16 and fd01::/16 to 10.(100+tunnel).0.0/16 and fd00:(100+tunnel)::/32.
void lab_protect(struct lab *lab, unsigned tunnel);
// Added; tests may say more of it.
struct fwd_route *lab_route(struct lab *lab, const char *prefix, enum adjacency_kind kind,
	uint8_t port, const char *gateway);
void lab_neighbour(struct lab *lab, const char *addr, uint8_t port, bool failed);
void lab_publish(struct lab *lab);
void lab_publish_sadb(struct lab *lab);
void lab_publish_spd(struct lab *lab);
void lab_publish_fwd(struct lab *lab);
struct ip_addr addr_of(const char *text);
struct ip_prefix prefix_of(const char *text);
// The link address that lab_neighbour gives to an address.
struct rte_ether_addr mac_of(const char *addr);

// Packets. Zero means the default.
struct flow {
	const char *source;
	const char *destination;
	uint8_t protocol; // UDP
	uint16_t source_port;
	uint16_t destination_port;
	uint8_t ttl;	   // 64
	uint8_t tos;	   // or traffic class
	uint16_t fragment; // IPv4's field; IPv6: a fragment header with offset and M bit
	uint16_t octets;   // in all; 100
	uint64_t number;   // unique, in the payload
};

uint32_t packet_make(const struct flow *flow, uint8_t *at);
uint64_t packet_number(const uint8_t *packet);
// One hop on: TTL less by one, checksum computed anew.
void packet_hop(uint8_t *packet);
void packet_sum(uint8_t *packet);

// Makes a packet longer by octets of zero and returns where they begin.
uint8_t *append_zeros(struct rte_mbuf *m, uint16_t octets);
// A frame for this port, from nowhere in particular.
struct rte_mbuf *frame_make(struct lab *lab, unsigned port, const void *packet, uint32_t octets);
void lab_receive(struct lab *lab, unsigned port, unsigned queue, struct rte_mbuf *frame);
void lab_receive_flow(struct lab *lab, unsigned port, unsigned queue, const struct flow *flow);
// The next frame that left, NULL if there is none. The caller's.
struct rte_mbuf *lab_sent(struct lab *lab, unsigned port, unsigned queue);
// The next frame is this packet to that neighbour. Freed.
void expect_sent(struct lab *lab, unsigned port, unsigned queue, const char *neighbour,
	const void *packet, uint32_t octets);
void expect_nothing_sent(struct lab *lab);
// Up to n of what waits for control: frames, then neighbours to be found, then senders to be told.
unsigned lab_punted(struct lab *lab, struct rte_mbuf *m[], unsigned n);
// So many wait; freed.
void expect_waiting(struct lab *lab, unsigned n);
// The next thing in the punt rings is of this kind, from this port, and these octets. Freed.
// Returns its MTU.
uint16_t expect_punted(
	struct lab *lab, enum meta_kind kind, unsigned port, const void *data, uint32_t octets);
// The same, of a packet whose sender is owed a word: META_TELL, META_UNRESOLVED. Of a decrypted
// packet it returns the tunnel's index.
uint16_t expect_told(struct lab *lab, enum meta_kind kind, unsigned port,
	enum forward_origin origin, enum drop_reason reason, const struct flow *flow);

// The far gateway of a tunnel. lane: which of its workers' windows.
struct rte_mbuf *peer_seal(
	struct lab *lab, unsigned tunnel, unsigned lane, const void *packet, uint32_t octets);
struct rte_mbuf *peer_seal_flow(
	struct lab *lab, unsigned tunnel, unsigned lane, const struct flow *flow);
// Opens a frame that left, frees it; the verdict of the far gateway. packet: PACKET_MAX octets.
uint16_t peer_open(struct lab *lab, unsigned tunnel, struct rte_mbuf *frame, uint8_t *packet,
	uint32_t *octets);
// The next frame on the wire is this inner packet for the tunnel's far end.
void expect_sealed(
	struct lab *lab, unsigned queue, unsigned tunnel, const void *packet, uint32_t octets);

// The model.
void expect_drop(
	struct lab *lab, unsigned worker, unsigned port, enum drop_reason reason, unsigned n);
// Counted by the SA and the port of arrival.
void expect_in_drop(
	struct lab *lab, unsigned tunnel, unsigned worker, enum drop_reason reason, unsigned n);
void expect_out_drop(
	struct lab *lab, unsigned tunnel, unsigned worker, enum drop_reason reason, unsigned n);
void expect_in(
	struct lab *lab, unsigned tunnel, unsigned worker, unsigned packets, unsigned octets);
void expect_out(
	struct lab *lab, unsigned tunnel, unsigned worker, unsigned packets, unsigned octets);
void expect_punt(
	struct lab *lab, unsigned worker, unsigned port, enum punt_class class, unsigned n);
void expect_punt_refused(struct lab *lab, unsigned worker, unsigned port, enum punt_class class,
	enum drop_reason reason, unsigned n);
// How many counters are wrong; each is printed.
unsigned lab_compare(const struct lab *lab);
// Of an inbound SA's window.
void expect_window(const struct lab *lab, unsigned tunnel, uint32_t id_word, uint64_t accepted,
	uint64_t old, uint64_t seen);
