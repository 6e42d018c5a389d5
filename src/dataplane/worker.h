// A worker: a pinned thread that polls its receive queues and rings, processes each burst to its
// end and transmits. What others may see of it is in `stats` and behind its rings.
#pragma once

#include "crypto/aead.h"
#include "dataplane/audit.h"
#include "dataplane/meta.h"
#include "dataplane/park.h"
#include "dataplane/peer_address.h"
#include "dataplane/punt_limit.h"
#include "dataplane/reassembly.h"
#include "dataplane/sadb.h"
#include "dataplane/stage.h"
#include "dataplane/stats.h"
#include "dataplane/worker_params.h"
#include "proto/proto.h"

#include <rte_ring.h>
#include <stdatomic.h>

struct capture;
struct dataplane;
struct dataplane_params;
struct flow_cache;
struct spd;
struct fwd;

// Frames on their way out of one port, gathered over a turn.
struct tx_buffer {
	uint16_t n;
	bool owned;  // else frames go to the queue's owner by ring
	bool tagged; // with the port's VLAN
	bool lacp;   // the bond's own frames leave when this worker transmits
	uint16_t owner;
	uint16_t device;
	uint16_t queue;
	uint64_t octets; // of all n
	struct rte_mbuf *m[BURST_MAX];
};

struct rx_queue {
	uint8_t port;
	uint16_t device;
	uint16_t queue;
};

// Of what comes by one port, and either out of tunnels or not.
struct port_limits {
	struct punt_limit punt[PUNT_CLASS_COUNT];
	struct punt_limit tell[2]; // whose senders are told why, and those told how big they may be
};

// The tables as a worker sees them for a turn. Their memory is not used for others before every
// worker has begun a turn without them (three grace periods, retire.c): two tables of one address
// are one table.
struct tables {
	struct sadb *sadb;
	struct spd *spd;
	struct fwd *fwd;
	uint64_t epoch; // another one after each change of policies or routes; from 1
};

struct worker {
	// Constant while the worker runs.
	struct dataplane *dp;
	uint16_t index;
	enum worker_role role;
	unsigned lcore;
	uint16_t burst_max;
	enum worker_idle idle;
	struct aead_ctx *aead;
	struct reassembly *reassembly; // NULL: the worker polls no unprotected port
	uint16_t rxqs;
	struct rx_queue rxq[PORTS_MAX * PORT_QUEUES_MAX];
	struct rte_ring *from_worker[WORKERS_MAX]; // single producer, single consumer; NULL: none
	struct rte_ring *punt[PUNT_QUEUES];	   // to control
	struct rte_ring *inject;		   // from control
	// The worker's own.
	struct tables tables;
	struct sadb_last last_in; // SA of a packet from the wire, by the table of now
	struct capture *capture;  // for a turn; NULL: none
	struct flow_cache *flows; // NULL: none are remembered
	struct burst asked;	  // packets whose flows were not known
	struct burst burst;
	struct burst bypass;	// of it: what goes past the tunnels
	struct burst inside;	// of the gateway's own packets: what stays on the protected side
	struct burst pieces;	// of packets that are too big for their tunnel
	struct burst fragments; // of a tunnel packet that is too big for its path
	uint32_t fragment_id;	// of the next one
	struct aead_batch batch;
	struct park park;			 // packets that wait for the journal
	struct port_limits limits[PORTS_MAX][2]; // by port, and whether out of a tunnel
	struct tx_buffer tx[PORTS_MAX];
	// The worker writes, control reads.
	struct worker_stats stats;
	struct stage_clock clock;
	struct audit_box audit[AUDIT_KIND_COUNT];
	struct audit_box peer_address; // of an SA whose peer moved
	struct peer_looks peer_looks;
	// Control's own: most packets that waited in the rings to and from it.
	alignas(CACHE_LINE) uint64_t punt_high[PUNT_QUEUES];
	uint64_t inject_high;
};

// Worker `index` of params, with its crypto contexts; queues and rings come later. 0 or -errno.
int worker_create(struct dataplane *dp, uint16_t index, const struct dataplane_params *params,
	struct worker **created, struct error *err);
void worker_destroy(struct worker *worker);

// One turn: everything that waits is received, processed and sent. Returns how many packets it
// found. The loop of worker_run; tests and measurements call it by hand.
unsigned worker_turn(struct worker *worker);

// The thread's body: turns until the data plane stops.
int worker_run(void *worker);
