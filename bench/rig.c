// A gateway on memory ports.
#include "bench/rig.h"

#include "bench/engine_null.h"
#include "bench/rig_tables.h"
#include "crypto/engines.h"

#include <errno.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>

#define RING 4096
#define BUFFERS 16384
// Octets that an inbound SA takes of EAL's memory, generously.
#define SA_OCTETS 2048

static const struct proto_table protos = {.n = 2, .proto = {&vpe_ops, &esp_ops}};

int rig_start_eal(bool huge, unsigned sas, struct error *err)
{
	char megabytes[16];
	const char *const common[] = {"vpebench", "--no-telemetry", "--no-pci", "--lcores",
		"0@1,1@0", "--log-level", "*:error", "-m", megabytes};
	static const char *const pages[2][2] = {{"--no-huge", "--no-shconf"}, {"--in-memory"}};
	char *argv[RTE_DIM(common) + RTE_DIM(pages[0])];
	int argc = 0;

	snprintf(megabytes, sizeof(megabytes), "%u",
		512 + (unsigned)((uint64_t)sas * RIG_TUNNELS * SA_OCTETS >> 20));
	// EAL keeps and changes its arguments.
	for (unsigned i = 0; i < RTE_DIM(common); i++)
		argv[argc++] = strdup(common[i]);
	for (unsigned i = 0; i < RTE_DIM(pages[0]) && pages[huge][i] != NULL; i++)
		argv[argc++] = strdup(pages[huge][i]);
	if (rte_eal_init(argc, argv) < 0)
		return error_set(err, rte_errno, "DPDK did not start: %s", rte_strerror(rte_errno));
	return 0;
}

// A device whose receive and transmit queue are rings of ours.
static int create_device(struct rig *rig, enum port_side side, const char *name)
{
	char ring[RTE_RING_NAMESIZE];

	snprintf(ring, sizeof(ring), "%s-rx", name);
	rig->rx[side] = rte_ring_create(ring, RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	snprintf(ring, sizeof(ring), "%s-tx", name);
	rig->tx[side] = rte_ring_create(ring, RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (rig->rx[side] == NULL || rig->tx[side] == NULL)
		return -ENOMEM;
	return rte_eth_from_rings(name, &rig->rx[side], 1, &rig->tx[side], 1, SOCKET_ID_ANY) < 0
		? -rte_errno
		: 0;
}

static int create_dataplane(struct rig *rig, const struct rig_params *wanted, struct error *err)
{
	static const struct port_params ports[2] = {
		{.name = "lan",
			.side = PORT_PROTECTED,
			.mtu = RIG_MTU,
			.devices = 1,
			.device = {"net_ring_lan"}},
		{.name = "wan",
			.side = PORT_UNPROTECTED,
			.mtu = RIG_OUTER_MTU,
			.devices = 1,
			.device = {"net_ring_wan"}},
	};
	static const struct worker_params worker = {.lcore = 1, .role = WORKER_BOTH};
	const struct dataplane_params params = {
		.ports = 2,
		.port = ports,
		.workers = 1,
		.worker = &worker,
		.burst = wanted->burst,
		.flows = wanted->flow_cache,
		.idle = WORKER_POLL,
		.buffers = BUFFERS,
		.buffer_octets = RTE_MBUF_DEFAULT_BUF_SIZE,
		.replay_pool_kb = 1024 +
			(unsigned)(RIG_TUNNELS * wanted->sas *
				window_octets(REPLAY_WINDOW_DEFAULT) / 1024),
		.protos = &protos,
		.engines = &rig->engines,
	};
	int rc = create_device(rig, PORT_PROTECTED, "lan");

	if (rc == 0)
		rc = create_device(rig, PORT_UNPROTECTED, "wan");
	if (rc != 0)
		return error_set(err, -rc, "memory ports: %s", strerror(-rc));
	rc = dataplane_create(&params, &rig->dp, err);
	if (rc == 0)
		rig->worker = rig->dp->worker[0];
	return rc;
}

int rig_create(const struct rig_params *params, struct rig **created, struct error *err)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int rc;

	if (rig == NULL)
		return error_set(err, ENOMEM, "no memory");
	// The one that does nothing stands last, where "auto" does not find it.
	rig->engines = engines_all;
	rig->engines.engine[rig->engines.n++] = &engine_null;
	rig->flows = params->flows;
	rig->hosts = params->hosts;
	rig->train = params->train;
	rig->sas = params->sas;
	rc = create_dataplane(rig, params, err);
	for (unsigned i = 0; i < RIG_TUNNELS && rc == 0; i++)
		rc = rig_create_tunnel(rig, i, params, err);
	if (rc == 0)
		rc = rig_publish(rig, params->policies, err);
	if (rc == 0 && aead_ctx_create(&rig->engines, &rig->aead) != 0)
		rc = error_set(err, ENOMEM, "no memory");
	if (rc != 0) {
		rig_destroy(rig);
		return rc;
	}
	dataplane_reclaim(rig->dp);
	*created = rig;
	return 0;
}

void rig_destroy(struct rig *rig)
{
	aead_ctx_destroy(rig->aead);
	for (unsigned i = 0; i < RIG_TUNNELS; i++)
		rig_destroy_tunnel(rig, i);
	dataplane_destroy(rig->dp);
	for (unsigned side = 0; side < 2; side++) {
		rte_ring_free(rig->rx[side]);
		rte_ring_free(rig->tx[side]);
	}
	free(rig);
}
