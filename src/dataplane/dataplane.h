// The data plane as a whole: ports, workers, and the tables that control publishes and workers
// read.
#pragma once

#include "dataplane/addr_filter.h"
#include "dataplane/fwd.h"
#include "dataplane/port.h"
#include "dataplane/sadb.h"
#include "dataplane/spd.h"
#include "dataplane/worker.h"

#include <rte_rcu_qsbr.h>

struct dataplane_params {
	unsigned ports;
	const struct port_params *port; // [ports]
	unsigned workers;
	const struct worker_params *worker; // [workers]
	unsigned burst;
	enum worker_idle idle;
	bool virtual_devices;	 // all are: none reads or writes buffers by bus address
	unsigned buffers;	 // mbufs in all, beside those of fragments that wait
	unsigned buffer_octets;	 // data room of one
	unsigned replay_pool_kb; // memory for replay windows
	unsigned flows;		 // that each worker remembers: a power of two, or 0
	uint32_t punt_per_second[PUNT_CLASS_COUNT]; // of each worker and port; 0: no limit
	uint32_t tell_per_second;		    // the same, whose senders are told
	bool tell_refusals; // senders on the protected side learn that a policy says no
	const struct proto_table *protos;
	const struct aead_table *engines;
};

// Something to free once no worker can see it: retire() hands it over, the data plane calls free_.
struct retired {
	struct retired *next;
	void *object;
	void (*free_)(void *object);
	uint64_t token;
	unsigned rounds; // grace periods still to pass
};

struct dataplane {
	// Constant once started.
	unsigned ports;
	struct port port[PORTS_MAX];
	unsigned workers;
	struct worker *worker[WORKERS_MAX];
	const struct proto_table *protos;
	const struct aead_table *engines;
	struct rte_mempool *pool;
	struct window_pool windows;
	uint16_t encrypt_index[WORKERS_MAX]; // UINT16_MAX: does not encrypt
	uint16_t encrypt_worker[WORKERS_MAX];
	struct sa_workers sa_workers;
	uint32_t punt_seed; // of the hash of senders, so that nobody can choose whom to meet
	bool tell_refusals;
	// Control writes (release), workers read (acquire) once a turn. Never NULL.
	struct sadb *_Atomic sadb;
	struct spd *_Atomic spd;
	struct fwd *_Atomic fwd;
	struct capture *_Atomic capture; // NULL while nobody captures
	// Control counts up (release) after it has raised edges, workers read (acquire) while
	// packets wait for one.
	_Atomic uint64_t edges_epoch;
	// Control adds, workers read.
	struct addr_filter sent_to; // peers with the SPI of an outbound SA
	struct addr_filter peers;   // other ends of tunnels
	struct addr_filter probed;  // inner addresses by which tunnels are probed
	// Control writes, workers read every few turns.
	atomic_bool stop;
	struct rte_rcu_qsbr *qsbr;
	// Control's own, away from what workers read.
	alignas(CACHE_LINE) struct retired *retired;
	unsigned punt_next[PUNT_QUEUES];		 // worker whose ring is emptied first
	uint64_t control_drops[PORTS_MAX][DROP_REASONS]; // of packets that arrived at this port
	bool running;
};

// EAL must be up. Opens the ports, assigns queues to workers, makes rings and empty tables. 0 or
// -errno, everything undone.
int dataplane_create(
	const struct dataplane_params *params, struct dataplane **created, struct error *err);
void dataplane_destroy(struct dataplane *dp);

// Launches the workers on their lcores / stops and joins them.
int dataplane_start(struct dataplane *dp, struct error *err);
void dataplane_stop(struct dataplane *dp);

// Publish a table built by the caller; the data plane owns it from then on, and the one before is
// freed when no worker can see it any more.
void dataplane_publish_sadb(struct dataplane *dp, struct sadb *sadb);
void dataplane_publish_spd(struct dataplane *dp, struct spd *spd);
void dataplane_publish_fwd(struct dataplane *dp, struct fwd *fwd);

// The other ends of tunnels from now on, whose IKE strangers cannot shut out.
void dataplane_set_peers(struct dataplane *dp, const struct ip_addr remote[], unsigned n);

// The inner addresses by which tunnels are probed from now on.
void dataplane_set_probed(struct dataplane *dp, const struct ip_addr peer[], unsigned n);

// Frees object after no worker can hold it, not even through a packet in a ring. Its memory must be
// out of every published table already.
int dataplane_retire(struct dataplane *dp, void *object, void (*free_)(void *object));
// A moment; and whether each worker's turn began after it: it uses what was published before.
uint64_t dataplane_mark(struct dataplane *dp);
bool dataplane_passed(struct dataplane *dp, uint64_t mark);
// Frees what has become free; to be called every few milliseconds.
void dataplane_reclaim(struct dataplane *dp);
