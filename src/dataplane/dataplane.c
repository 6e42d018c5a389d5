// Putting the data plane together: pool, ports, workers, rings and empty tables; and taking it
// apart.
#include "dataplane/dataplane.h"

#include "base/log.h"
#include "dataplane/drop.h"
#include "dataplane/handover.h"
#include "dataplane/pool.h"
#include "dataplane/port_xdp.h"
#include "dataplane/punt.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_malloc.h>
#include <rte_random.h>
#include <stdio.h>

static bool polls(enum worker_role role, enum port_side side)
{
	if (role == WORKER_BOTH)
		return true;
	return (role == WORKER_ENCRYPT) == (side == PORT_PROTECTED);
}

static uint16_t count_polling(const struct dataplane_params *params, enum port_side side)
{
	uint16_t n = 0;

	for (unsigned i = 0; i < params->workers; i++)
		n += polls(params->worker[i].role, side);
	return n;
}

// Counts the encrypting workers (VPE's Window IDs follow their order) and tells the SAs.
static void number_workers(struct dataplane *dp, const struct dataplane_params *params)
{
	uint16_t encrypt = 0;

	for (uint16_t i = 0; i < params->workers; i++) {
		dp->encrypt_index[i] = UINT16_MAX;
		if (!polls(params->worker[i].role, PORT_PROTECTED))
			continue;
		dp->encrypt_index[i] = encrypt;
		dp->encrypt_worker[encrypt++] = i;
	}
	dp->sa_workers = (struct sa_workers){
		.n = (uint16_t)params->workers,
		.encrypt_n = encrypt,
		.encrypt_index = dp->encrypt_index,
		.encrypt = dp->encrypt_worker,
	};
}

static int create_pool(
	struct dataplane *dp, const struct dataplane_params *params, struct error *err)
{
	uint16_t private_octets = RTE_ALIGN(sizeof(struct meta), RTE_MBUF_PRIV_ALIGN);
	// Fragments that wait, and packets for the journal, must not take from the others.
	unsigned waiting =
		(REASSEMBLY_ENTRIES + PARK_MAX) * count_polling(params, PORT_UNPROTECTED);

	dp->pool = pool_create("buffers", params->buffers + waiting, params->buffer_octets,
		private_octets, params->virtual_devices);
	if (dp->pool == NULL)
		return error_set(err, ENOMEM,
			"no memory for %u buffers of %u octets; eal.memory_mb is too small",
			params->buffers, params->buffer_octets);
	return 0;
}

static int create_windows(
	struct dataplane *dp, const struct dataplane_params *params, struct error *err)
{
	size_t octets = (size_t)params->replay_pool_kb * 1024;
	void *memory = rte_malloc("windows", octets, CACHE_LINE);

	if (memory == NULL)
		return error_set(
			err, ENOMEM, "no memory for replay.pool_kb = %u", params->replay_pool_kb);
	window_pool_init(&dp->windows, memory, octets);
	return 0;
}

static int create_qsbr(struct dataplane *dp, struct error *err)
{
	size_t octets = rte_rcu_qsbr_get_memsize(dp->workers);

	dp->qsbr = rte_zmalloc("qsbr", octets, CACHE_LINE);
	if (dp->qsbr == NULL || rte_rcu_qsbr_init(dp->qsbr, dp->workers) != 0)
		return error_set(err, ENOMEM, "no memory for %u workers", dp->workers);
	return 0;
}

static int create_workers(
	struct dataplane *dp, const struct dataplane_params *params, struct error *err)
{
	int rc = 0;

	for (uint16_t i = 0; i < params->workers && rc == 0; i++)
		rc = worker_create(dp, i, params, &dp->worker[i], err);
	return rc;
}

static struct rte_ring *create_ring(const char *kind, unsigned a, unsigned b, unsigned size)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s-%u-%u", kind, a, b);
	return rte_ring_create(name, size, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int create_rings(struct dataplane *dp, struct error *err)
{
	for (unsigned to = 0; to < dp->workers; to++) {
		struct worker *w = dp->worker[to];

		w->inject = create_ring("inject", to, 0, INJECT_RING);
		if (w->inject == NULL)
			return error_set(err, ENOMEM, "no memory for rings");
		for (unsigned queue = 0; queue < PUNT_QUEUES; queue++) {
			w->punt[queue] = create_ring("punt", to, queue, PUNT_RING);
			if (w->punt[queue] == NULL)
				return error_set(err, ENOMEM, "no memory for rings");
		}
		for (unsigned from = 0; from < dp->workers; from++) {
			if (from == to)
				continue;
			w->from_worker[from] = create_ring("worker", to, from, HANDOVER_RING);
			if (w->from_worker[from] == NULL)
				return error_set(err, ENOMEM, "no memory for rings");
		}
	}
	return 0;
}

// Receive queue i of a side belongs to worker i of those that poll it, round and round; next: where
// the side's port before ended.
static void assign_rx(struct dataplane *dp, struct port *port, uint16_t *next)
{
	for (uint16_t q = 0; q < port->rxqs; q++) {
		struct worker *w;

		while (!polls(dp->worker[*next % dp->workers]->role, port->side))
			++*next;
		w = dp->worker[(*next)++ % dp->workers];
		port->rxq[q].worker = w->index;
		w->rxq[w->rxqs++] = (struct rx_queue){
			.port = port->index,
			.device = port->rxq[q].device,
			.queue = port->rxq[q].queue,
		};
	}
}

// Transmit queue i is worker i's; workers beyond the last queue share one by way of its owner.
static void assign_tx(struct dataplane *dp, struct port *port)
{
	for (uint16_t q = 0; q < port->txqs; q++)
		port->txq[q].worker = (uint16_t)(q % dp->workers);
	for (uint16_t i = 0; i < dp->workers; i++) {
		const struct port_queue *txq = &port->txq[i % port->txqs];

		dp->worker[i]->tx[port->index] = (struct tx_buffer){
			.owned = i < port->txqs,
			.tagged = port->vlan.id != 0,
			.lacp = port->bond == PORT_BOND_LACP && i == 0,
			.owner = txq->worker,
			.device = txq->device,
			.queue = txq->queue,
		};
	}
}

static int check_assignment(const struct dataplane *dp, struct error *err)
{
	for (unsigned i = 0; i < dp->workers; i++) {
		const struct worker *w = dp->worker[i];

		if (w->rxqs == 0)
			return error_set(err, EINVAL,
				"the worker on lcore %u has no receive queue: give its side's "
				"ports "
				"more queues or devices, or configure fewer workers",
				w->lcore);
	}
	return 0;
}

static void warn_numa(const struct dataplane *dp, const struct port *port)
{
	for (uint16_t q = 0; q < port->rxqs; q++) {
		const struct worker *w = dp->worker[port->rxq[q].worker];
		int socket = (int)rte_lcore_to_socket_id(w->lcore);

		if (port->socket != SOCKET_ID_ANY && socket != port->socket)
			log_warning("port %s is on NUMA node %d, the worker of its queue %u "
				    "(lcore %u) on node %d: packets cross the interconnect",
				port->name, port->socket, q, w->lcore, socket);
	}
}

static int check_polled(
	const struct dataplane_params *params, const struct port_params *port, struct error *err)
{
	if (count_polling(params, port->side) > 0)
		return 0;
	return error_set(err, EINVAL,
		"port %s: no worker polls the %s side: give one the role %s or both", port->name,
		port->side == PORT_PROTECTED ? "protected" : "unprotected",
		port->side == PORT_PROTECTED ? "encrypt" : "decrypt");
}

// Queues are polled for the trunk's side, and what comes by a VLAN of the other side takes a worker
// that does both.
static int check_sides(
	const struct dataplane_params *params, const struct port_params *port, struct error *err)
{
	const struct port_params *trunk = &params->port[port->vlan.trunk];

	for (unsigned i = 0; i < params->workers && port->side != trunk->side; i++)
		if (params->worker[i].role != WORKER_BOTH)
			return error_set(err, EINVAL,
				"port %s has another side than its trunk %s: then each worker has "
				"the role both",
				port->name, trunk->name);
	return 0;
}

// Index i: its devices, or its place in those of an earlier port. Queues and workers find each
// other.
static int open_port(struct dataplane *dp, const struct dataplane_params *params, unsigned i,
	uint16_t next[2], struct error *err)
{
	const struct port_params *mine = &params->port[i];
	struct port *port = &dp->port[i];
	int rc;

	port->index = (uint8_t)i;
	if (mine->vlan.id != 0) {
		rc = check_sides(params, mine, err);
		if (rc == 0)
			rc = port_open_vlan(port, mine, &dp->port[mine->vlan.trunk], err);
		if (rc != 0)
			return rc;
		dp->ports++;
		assign_tx(dp, port);
		return 0;
	}
	rc = port_open(port, mine, dp->pool, count_polling(params, mine->side),
		(uint16_t)dp->workers, err);
	if (rc != 0)
		return rc;
	port_xdp_find(port, dp->port, i);
	dp->ports++;
	assign_rx(dp, port, &next[mine->side]);
	assign_tx(dp, port);
	warn_numa(dp, port);
	return 0;
}

static int open_ports(
	struct dataplane *dp, const struct dataplane_params *params, struct error *err)
{
	uint16_t next[2] = {0}; // by enum port_side
	int rc = 0;

	for (unsigned i = 0; i < params->ports && rc == 0; i++) {
		rc = check_polled(params, &params->port[i], err);
		if (rc == 0)
			rc = open_port(dp, params, i, next, err);
	}
	return rc == 0 ? check_assignment(dp, err) : rc;
}

static int create_tables(struct dataplane *dp, struct error *err)
{
	struct fwd_routes *routes = NULL;
	struct sadb *sadb = NULL;
	struct spd *spd = NULL;
	struct fwd *fwd = NULL;
	int rc = sadb_build(NULL, 0, dp->protos, SOCKET_ID_ANY, &sadb, err);

	atomic_store(&dp->sadb, sadb);
	if (rc == 0)
		rc = spd_build(NULL, 0, dp->workers, SOCKET_ID_ANY, &spd, err);
	atomic_store(&dp->spd, spd);
	if (rc == 0)
		rc = fwd_routes_build(NULL, 0, SOCKET_ID_ANY, &routes, err);
	if (rc == 0)
		rc = fwd_build(routes, NULL, 0, dp->port, &fwd, err);
	atomic_store(&dp->fwd, fwd);
	fwd_routes_put(routes);
	return rc;
}

int dataplane_create(
	const struct dataplane_params *params, struct dataplane **created, struct error *err)
{
	struct dataplane *dp = rte_zmalloc("dataplane", sizeof(*dp), CACHE_LINE);
	int rc;

	if (dp == NULL)
		return error_set(err, ENOMEM, "no memory for the data plane");
	dp->protos = params->protos;
	dp->engines = params->engines;
	dp->workers = params->workers;
	dp->punt_seed = (uint32_t)rte_rand();
	dp->tell_refusals = params->tell_refusals;
	number_workers(dp, params);
	rc = create_pool(dp, params, err);
	if (rc == 0)
		rc = create_windows(dp, params, err);
	if (rc == 0)
		rc = create_qsbr(dp, err);
	if (rc == 0)
		rc = create_workers(dp, params, err);
	if (rc == 0)
		rc = create_rings(dp, err);
	if (rc == 0)
		rc = create_tables(dp, err);
	if (rc == 0)
		rc = open_ports(dp, params, err);
	if (rc != 0) {
		dataplane_destroy(dp);
		return rc;
	}
	*created = dp;
	return 0;
}

static void set_filter(const struct dataplane *dp, struct addr_filter *filter,
	const struct ip_addr addr[], unsigned n)
{
	struct addr_filter next = {.word = {0}};

	for (unsigned i = 0; i < n; i++)
		addr_filter_add(&next, &addr[i], dp->punt_seed);
	addr_filter_replace(filter, &next);
}

void dataplane_set_peers(struct dataplane *dp, const struct ip_addr remote[], unsigned n)
{
	set_filter(dp, &dp->peers, remote, n);
}

void dataplane_set_probed(struct dataplane *dp, const struct ip_addr peer[], unsigned n)
{
	set_filter(dp, &dp->probed, peer, n);
}

static void drain_ring(struct rte_ring *ring)
{
	struct rte_mbuf *m;

	while (ring != NULL && rte_ring_dequeue(ring, (void **)&m) == 0)
		drop_free(m);
	rte_ring_free(ring);
}

static void free_rings(struct worker *w)
{
	for (unsigned queue = 0; queue < PUNT_QUEUES; queue++)
		drain_ring(w->punt[queue]);
	drain_ring(w->inject);
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		drain_ring(w->from_worker[i]);
}

// Nothing is used any more, whatever the grace periods say.
static void free_retired(struct dataplane *dp)
{
	while (dp->retired != NULL) {
		struct retired *retired = dp->retired;

		dp->retired = retired->next;
		retired->free_(retired->object);
		free(retired);
	}
}

void dataplane_destroy(struct dataplane *dp)
{
	if (dp == NULL)
		return;
	dataplane_stop(dp);
	free_retired(dp);
	for (unsigned i = 0; i < dp->ports; i++)
		port_close(&dp->port[i]);
	for (unsigned i = 0; i < dp->workers; i++) {
		if (dp->worker[i] == NULL)
			continue;
		free_rings(dp->worker[i]);
		worker_destroy(dp->worker[i]);
	}
	sadb_free(dp->sadb);
	spd_free(dp->spd);
	fwd_free(dp->fwd);
	rte_free(dp->qsbr);
	rte_free(dp->windows.memory);
	rte_mempool_free(dp->pool);
	rte_free(dp);
}

// Reclamation waits for the worker from now on: its thread may be late, and packets for it already
// in a ring.
static int launch(struct dataplane *dp, struct worker *w)
{
	int rc;

	rte_rcu_qsbr_thread_register(dp->qsbr, w->index);
	rte_rcu_qsbr_thread_online(dp->qsbr, w->index);
	rc = rte_eal_remote_launch(worker_run, w, w->lcore);
	if (rc != 0) {
		rte_rcu_qsbr_thread_offline(dp->qsbr, w->index);
		rte_rcu_qsbr_thread_unregister(dp->qsbr, w->index);
	}
	return rc;
}

int dataplane_start(struct dataplane *dp, struct error *err)
{
	atomic_store(&dp->stop, false);
	dp->running = true;
	for (unsigned i = 0; i < dp->workers; i++) {
		int rc = launch(dp, dp->worker[i]);

		if (rc != 0) {
			dataplane_stop(dp);
			return error_set(err, -rc, "starting the worker on lcore %u: %s",
				dp->worker[i]->lcore, strerror(-rc));
		}
	}
	return 0;
}

void dataplane_stop(struct dataplane *dp)
{
	if (!dp->running)
		return;
	atomic_store(&dp->stop, true);
	for (unsigned i = 0; i < dp->workers; i++)
		rte_eal_wait_lcore(dp->worker[i]->lcore);
	dp->running = false;
}
