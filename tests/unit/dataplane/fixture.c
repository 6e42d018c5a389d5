// The gateway of the tests: EAL, ports of rings, data plane, opening and closing.
#include "fixture.h"

#include "dataplane/punt.h"
#include "proto/pkt.h"

#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <stdio.h>

const struct proto_table lab_protos = {.n = 2, .proto = {&vpe_ops, &esp_ops}};

static const char *const port_names[LAB_PORTS] = {"lan", "wan"};

void lab_eal(const char *lcores)
{
	char lcores_arg[64];
	char *argv[] = {(char[]){"vped-test"}, (char[]){"--no-huge"}, (char[]){"--no-shconf"},
		(char[]){"--no-telemetry"}, (char[]){"--no-pci"}, (char[]){"-m"}, (char[]){"512"},
		(char[]){"--log-level=*:error"}, (char[]){"--lcores"}, lcores_arg, NULL};

	snprintf(lcores_arg, sizeof(lcores_arg), "%s",
		lcores != NULL ? lcores : "0@0-1,1@0-1,2@0-1,3@0-1,4@0-1");
	if (rte_eal_init((int)COUNT(argv) - 1, argv) < 0) {
		fprintf(stderr, "no EAL: %s\n", rte_strerror(rte_errno));
		exit(EXIT_FAILURE);
	}
}

unsigned lab_workers(const struct lab *lab)
{
	return (unsigned)strlen(lab->params.roles);
}

static enum worker_role role_of(char letter)
{
	if (letter == 'b')
		return WORKER_BOTH;
	return letter == 'e' ? WORKER_ENCRYPT : WORKER_DECRYPT;
}

static void set_defaults(struct lab *lab)
{
	struct lab_params *p = &lab->params;

	p->roles = p->roles == NULL ? "b" : p->roles;
	p->ring = p->ring == 0 ? 1024 : p->ring;
	p->burst = p->burst == 0 ? BURST_MAX : p->burst;
	p->replay_pool_kb = p->replay_pool_kb == 0 ? 1024 : p->replay_pool_kb;
	p->protos = p->protos == NULL ? &lab_protos : p->protos;
	for (unsigned port = 0; port < LAB_PORTS; port++) {
		p->rx[port] = p->rx[port] == 0 ? lab_workers(lab) : p->rx[port];
		p->tx[port] = p->tx[port] == 0 ? lab_workers(lab) : p->tx[port];
		p->mtu[port] = p->mtu[port] == 0 ? 1500 : p->mtu[port];
	}
}

static struct rte_ring *make_ring(const char *port, const char *way, unsigned q, unsigned size)
{
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	snprintf(name, sizeof(name), "%s-%s-%u", port, way, q);
	ring = rte_ring_create(name, size, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	assert_non_null(ring);
	return ring;
}

static unsigned devices_of(const struct lab *lab, unsigned port)
{
	return lab->params.devices ? RTE_MAX(lab->rxqs[port], lab->txqs[port]) : 1;
}

static void device_name(unsigned port, unsigned device, bool bus, char name[32])
{
	snprintf(name, 32, "%s%s%u", bus ? "net_ring_" : "", port_names[port], device);
}

static void open_port(struct lab *lab, unsigned port)
{
	unsigned devices;

	lab->rxqs[port] = lab->params.rx[port];
	lab->txqs[port] = lab->params.tx[port];
	for (unsigned q = 0; q < lab->rxqs[port]; q++)
		lab->rx[port][q] = make_ring(port_names[port], "rx", q, lab->params.ring);
	for (unsigned q = 0; q < lab->txqs[port]; q++)
		lab->tx[port][q] = make_ring(port_names[port], "tx", q, lab->params.ring);
	devices = devices_of(lab, port);
	for (unsigned i = 0; i < devices; i++) {
		char name[32];

		device_name(port, i, false, name);
		assert_true(rte_eth_from_rings(name, &lab->rx[port][i],
				    devices == 1 ? lab->rxqs[port] : 1, &lab->tx[port][i],
				    devices == 1 ? lab->txqs[port] : 1, 0) >= 0);
	}
}

void lab_open_ports(struct lab *lab)
{
	set_defaults(lab);
	for (unsigned port = 0; port < LAB_PORTS; port++)
		open_port(lab, port);
}

void lab_close_ports(struct lab *lab)
{
	for (unsigned port = 0; port < LAB_PORTS; port++) {
		for (unsigned i = 0; i < devices_of(lab, port); i++) {
			char name[32];

			device_name(port, i, true, name);
			assert_int_equal(rte_vdev_uninit(name), 0);
		}
		for (unsigned q = 0; q < LAB_QUEUES; q++) {
			rte_ring_free(lab->rx[port][q]);
			rte_ring_free(lab->tx[port][q]);
		}
	}
}

struct dataplane_params *lab_dataplane_params(const struct lab *lab)
{
	static struct port_params ports[LAB_PORTS + 1];
	static struct worker_params workers[LAB_WORKERS];
	static struct dataplane_params params;

	for (unsigned i = 0; i < lab_workers(lab); i++)
		workers[i] = (struct worker_params){i + 1, role_of(lab->params.roles[i])};
	for (unsigned i = 0; i < LAB_PORTS; i++) {
		ports[i] = (struct port_params){
			.side = i == LAN ? PORT_PROTECTED : PORT_UNPROTECTED,
			.mtu = lab->params.mtu[i],
			.devices = (uint16_t)devices_of(lab, i),
		};
		ports[i].queues = lab->params.devices ? 1 : (uint16_t)lab->rxqs[i];
		snprintf(ports[i].name, sizeof(ports[i].name), "%s", port_names[i]);
		for (unsigned device = 0; device < ports[i].devices; device++)
			device_name(i, device, true, ports[i].device[device]);
	}
	ports[VLAN] = (struct port_params){
		.name = "vlan",
		.side = PORT_PROTECTED,
		.mtu = lab->params.mtu[LAN],
		.vlan = {.id = lab->params.vlan, .trunk = LAN, .priority = PORT_PRIORITY_DSCP},
	};
	params = (struct dataplane_params){
		.ports = lab->params.vlan != 0 ? LAB_PORTS + 1 : LAB_PORTS,
		.port = ports,
		.workers = lab_workers(lab),
		.worker = workers,
		.burst = lab->params.burst,
		// So few that most tests meet what another flow has left.
		.flows = lab->params.no_flows ? 0 : FLOWS_MIN,
		.idle = WORKER_BACKOFF,
		.virtual_devices = true,
		.buffers = LAB_BUFFERS,
		.buffer_octets = 2048 + RTE_PKTMBUF_HEADROOM,
		.replay_pool_kb = lab->params.replay_pool_kb,
		.tell_refusals = lab->params.tell_refusals,
		.protos = lab->params.protos,
		.engines = &engines_all,
	};
	params.tell_per_second = lab->params.tell_per_second;
	for (unsigned i = 0; i < PUNT_CLASS_COUNT; i++)
		params.punt_per_second[i] = lab->params.punt_per_second;
	return &params;
}

static void open_far_side(struct lab *lab)
{
	size_t octets = (size_t)1 << 20;

	window_pool_init(&lab->peer_windows, aligned_alloc(CACHE_LINE, octets), octets);
	assert_int_equal(aead_ctx_create(&engines_all, &lab->aead), 0);
}

// Both links, the gateway's own addresses, groups, and a gateway for all else.
static void basic_routes(struct lab *lab)
{
	lab_route(lab, "10.1.0.0/16", ADJACENCY_LINK, LAN, NULL);
	lab_route(lab, "10.1.0.1", ADJACENCY_LOCAL, LAN, NULL);
	lab_route(lab, "fd01::/16", ADJACENCY_LINK, LAN, NULL);
	lab_route(lab, "fd01::1", ADJACENCY_LOCAL, LAN, NULL);
	lab_route(lab, "192.0.2.0/24", ADJACENCY_LINK, WAN, NULL);
	lab_route(lab, "192.0.2.1", ADJACENCY_LOCAL, WAN, NULL);
	lab_route(lab, "192.0.2.2", ADJACENCY_LOCAL, WAN, NULL);
	lab_route(lab, "2001:db8::/32", ADJACENCY_LINK, WAN, NULL);
	lab_route(lab, "2001:db8::1", ADJACENCY_LOCAL, WAN, NULL);
	lab_route(lab, "224.0.0.0/4", ADJACENCY_MULTICAST, 0, NULL);
	lab_route(lab, "ff00::/8", ADJACENCY_MULTICAST, 0, NULL);
	lab_route(lab, "198.18.0.0/16", ADJACENCY_UNREACHABLE, 0, NULL);
	lab_route(lab, "198.19.0.0/24", ADJACENCY_PROHIBIT, 0, NULL);
	lab_route(lab, "198.19.1.0/24", ADJACENCY_BLACKHOLE, 0, NULL);
	lab_route(lab, "203.0.113.0/24", ADJACENCY_FORWARD, WAN, "192.0.2.254");
	lab_route(lab, "2001:db8:ffff::/48", ADJACENCY_FORWARD, WAN, "2001:db8::fe");
	lab_neighbour(lab, "192.0.2.254", WAN, false);
	lab_neighbour(lab, "2001:db8::fe", WAN, false);
	lab_neighbour(lab, "10.1.0.10", LAN, false);
	lab_neighbour(lab, "10.1.0.66", LAN, true);
	lab_neighbour(lab, "fd01::10", LAN, false);
}

struct lab *lab_open(const struct lab_params *params)
{
	struct lab *lab = aligned_alloc(CACHE_LINE, RTE_ALIGN(sizeof(*lab), CACHE_LINE));
	struct error err = {.text = ""};

	assert_non_null(lab);
	memset(lab, 0, sizeof(*lab));
	if (params != NULL)
		lab->params = *params;
	lab_open_ports(lab);
	if (dataplane_create(lab_dataplane_params(lab), &lab->dp, &err) != 0)
		fail_msg("%s", err.text);
	// No two of a test's senders share a place by chance.
	lab->dp->punt_seed = 1;
	for (unsigned i = 0; i < LAB_PORTS; i++)
		lab->dp->port[i].mac =
			(struct rte_ether_addr){{2, 0xee, 0, 0, 0, (uint8_t)(i + 1)}};
	lab->dp->port[VLAN].mac = lab->dp->port[LAN].mac;
	open_far_side(lab);
	if (!lab->params.bare)
		basic_routes(lab);
	lab->buffers = rte_mempool_avail_count(lab->dp->pool);
	return lab;
}

static unsigned check_ring(const struct rte_ring *ring)
{
	if (ring == NULL || rte_ring_count(ring) == 0)
		return 0;
	print_error("%u packets left in ring %s\n", rte_ring_count(ring), ring->name);
	return 1;
}

static unsigned check_nothing_left(const struct lab *lab)
{
	unsigned available = rte_mempool_avail_count(lab->dp->pool);
	unsigned wrong = 0;

	for (unsigned port = 0; port < LAB_PORTS; port++) {
		for (unsigned q = 0; q < LAB_QUEUES; q++)
			wrong += check_ring(lab->rx[port][q]) + check_ring(lab->tx[port][q]);
	}
	for (unsigned i = 0; i < lab_workers(lab); i++) {
		for (unsigned queue = 0; queue < PUNT_QUEUES; queue++)
			wrong += check_ring(lab->dp->worker[i]->punt[queue]);
		wrong += check_ring(lab->dp->worker[i]->inject);
		for (unsigned from = 0; from < WORKERS_MAX; from++)
			wrong += check_ring(lab->dp->worker[i]->from_worker[from]);
	}
	if (available != lab->buffers) {
		print_error("%u buffers in the pool, %u before\n", available, lab->buffers);
		wrong++;
	}
	return wrong;
}

static unsigned check_windows_back(const struct window_pool *pool)
{
	if (window_pool_used(pool) == 0)
		return 0;
	print_error("%zu octets of replay windows not given back\n", window_pool_used(pool));
	return 1;
}

static void close_tunnels(struct lab *lab)
{
	for (unsigned i = 0; i < lab->tunnels; i++) {
		sa_destroy(lab->tunnel[i].out);
		sa_destroy(lab->tunnel[i].in);
		sa_destroy(lab->tunnel[i].peer_out);
		sa_destroy(lab->tunnel[i].peer_in);
	}
}

// All is taken down before anything fails, so that the next test starts clean.
void lab_close(struct lab *lab)
{
	unsigned wrong;

	dataplane_stop(lab->dp);
	wrong = check_nothing_left(lab);
	if (!lab->loose)
		wrong += lab_compare(lab);
	dataplane_reclaim(lab->dp);
	wrong += lab->dp->retired != NULL;
	close_tunnels(lab);
	wrong += check_windows_back(&lab->dp->windows) + check_windows_back(&lab->peer_windows);
	dataplane_destroy(lab->dp);
	lab_close_ports(lab);
	aead_ctx_destroy(lab->aead);
	free(lab->peer_windows.memory);
	free(lab);
	if (wrong > 0)
		fail_msg("%u things are not as they should be", wrong);
}

int lab_setup(void **state)
{
	*state = lab_open(*state);
	return 0;
}

int lab_teardown(void **state)
{
	lab_close(*state);
	return 0;
}

void lab_turn(struct lab *lab, unsigned worker)
{
	worker_turn(lab->dp->worker[worker]);
}

void lab_turn_all(struct lab *lab)
{
	unsigned found;

	do {
		found = 0;
		for (unsigned i = 0; i < lab_workers(lab); i++)
			found += worker_turn(lab->dp->worker[i]);
	} while (found > 0);
}
