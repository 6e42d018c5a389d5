// A gateway on memory ports.
#include "bench/rig.h"

#include "base/secret.h"
#include "bench/engine_null.h"
#include "bench/packet.h"
#include "crypto/engines.h"
#include "proto/esp/esp_hdr.h"
#include "proto/pkt.h"
#include "proto/vpe/vpe_hdr.h"

#include <errno.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>

#define RING 4096
#define BUFFERS 16384
// Of the unprotected side: nothing is split, whatever a tunnel adds.
#define OUTER_MTU (RIG_MTU + 100)

// The one that does nothing stands last, where "auto" does not find it.
static const struct aead_table engines = {
	.n = 4, .engine = {&engine_vaes, &engine_ipsecmb, &engine_openssl, &engine_null}};
static const struct proto_table protos = {.n = 2, .proto = {&vpe_ops, &esp_ops}};

int rig_start_eal(bool huge, struct error *err)
{
	static const char *const common[] = {"vpebench", "--no-telemetry", "--no-pci", "--lcores",
		"0@1,1@0", "--log-level", "*:error", "-m", "512"};
	static const char *const pages[2][2] = {{"--no-huge", "--no-shconf"}, {"--in-memory"}};
	char *argv[RTE_DIM(common) + RTE_DIM(pages[0])];
	int argc = 0;

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
			.mtu = OUTER_MTU,
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
		.replay_pool_kb = 1024,
		.protos = &protos,
		.engines = &engines,
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

static struct ip_addr addr(const char *text)
{
	struct ip_addr parsed;

	ip_addr_parse(text, &parsed);
	return parsed;
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix parsed;

	ip_prefix_parse(text, &parsed);
	return parsed;
}

static const struct proto_ops *const ops[RIG_TUNNELS] = {&vpe_ops, &esp_ops};

// Inner networks behind the peer, by protocol.
static const char *const far_network[RIG_PROTOCOLS] = {"10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"};

static int create_tunnel(struct rig *rig, enum rig_protocol protocol,
	const struct rig_params *params, struct error *err)
{
	const struct aead_engine *engine = aead_choose(&engines, params->algorithm, params->engine);
	struct rig_tunnel *t = &rig->tunnel[protocol];
	struct sa_place place = {
		.workers = &rig->dp->sa_workers,
		.windows = &rig->dp->windows,
		.socket = SOCKET_ID_ANY,
		.path_mtu = OUTER_MTU,
	};
	struct sa_params sa = {
		.proto = ops[protocol],
		.local = addr("192.0.2.1"),
		.remote = addr("192.0.2.2"),
		.spi = 0xc0000001,
		.algorithm = params->algorithm,
		.esn = params->esn,
		.replay_window = REPLAY_WINDOW_DEFAULT,
		.windows = 4,
		.first = 1,
	};
	struct sa_params far;
	uint8_t key[AEAD_KEY_MAX];
	int rc = secret_random(key, sizeof(key));

	outer_class_default(&sa.class);
	far = sa;
	far.local = sa.remote;
	far.remote = sa.local;
	t->tunnel.index = (uint16_t)protocol;
	t->tunnel.port = PORT_UNPROTECTED;
	if (engine == NULL || rc != 0)
		return error_set(err, ENOTSUP, "no engine named %s for %s", params->engine,
			aead_name(params->algorithm));
	rc = sa_create("out", false, &sa, key, engine, &t->tunnel, &place, &t->out, err);
	if (rc == 0)
		rc = sa_create("in", true, &sa, key, engine, &t->tunnel, &place, &t->in, err);
	if (rc == 0)
		rc = sa_create("peer", false, &far, key, engine, &t->tunnel, &place, &t->peer, err);
	secret_wipe(key, sizeof(key));
	if (rc == 0)
		atomic_store(&t->tunnel.out, t->out->out);
	return rc;
}

// tunnel: NULL of what passes in clear.
static struct policy policy_of(struct ip_prefix destination, struct tunnel *tunnel)
{
	return (struct policy){
		.name = "bench",
		.selector = {.source = prefix("10.1.0.0/16"),
			.destination = destination,
			.protocol = SELECTOR_ANY_PROTOCOL,
			.source_port = {0, UINT16_MAX},
			.destination_port = {0, UINT16_MAX}},
		.action = tunnel != NULL ? POLICY_PROTECT : POLICY_BYPASS,
		.tunnel = tunnel,
	};
}

// n in all, those of the protocols last.
static int publish_spd(struct rig *rig, unsigned n, struct error *err)
{
	struct policy *policy = calloc(n, sizeof(*policy));
	struct ip_prefix elsewhere = prefix("10.128.0.0/24");
	struct spd *spd;
	int rc;

	if (policy == NULL)
		return error_set(err, ENOMEM, "no memory");
	for (unsigned i = 0; i < n; i++) {
		unsigned last = n - 1 - i;

		store_be32(elsewhere.addr.octets, 0x0a800000 + (i << 8));
		policy[i] = last < RIG_PROTOCOLS
			? policy_of(prefix(far_network[last]),
				  last < RIG_TUNNELS ? &rig->tunnel[last].tunnel : NULL)
			: policy_of(elsewhere, &rig->tunnel[0].tunnel);
	}
	rc = spd_build(policy, n, 1, SOCKET_ID_ANY, &spd, err);
	if (rc == 0)
		dataplane_publish_spd(rig->dp, spd);
	free(policy);
	return rc;
}

static int publish_sadb(struct rig *rig, struct error *err)
{
	struct sa_in *in[RIG_TUNNELS];
	struct sadb *sadb;
	int rc;

	for (unsigned i = 0; i < RIG_TUNNELS; i++)
		in[i] = rig->tunnel[i].in->in;
	rc = sadb_build(in, RIG_TUNNELS, &protos, SOCKET_ID_ANY, &sadb, err);
	if (rc == 0)
		dataplane_publish_sadb(rig->dp, sadb);
	return rc;
}

static int publish_routes(struct rig *rig, struct error *err)
{
	struct fwd_route route[] = {
		{.prefix = prefix("10.1.0.0/16"),
			.kind = ADJACENCY_FORWARD,
			.port = PORT_PROTECTED,
			.gateway = addr("10.1.0.2")},
		{.prefix = prefix(far_network[RIG_CLEAR]),
			.kind = ADJACENCY_FORWARD,
			.port = PORT_UNPROTECTED,
			.gateway = addr("192.0.2.254")},
		{.prefix = prefix("192.0.2.0/24"),
			.kind = ADJACENCY_FORWARD,
			.port = PORT_UNPROTECTED,
			.gateway = addr("192.0.2.254")},
	};
	struct fwd_neighbour neighbour[] = {
		{.addr = addr("10.1.0.2"), .port = PORT_PROTECTED, .mac = {{2, 0, 0, 0, 0, 1}}},
		{.addr = addr("192.0.2.254"),
			.port = PORT_UNPROTECTED,
			.mac = {{2, 0, 0, 0, 0, 2}}},
	};
	struct fwd_routes *routes;
	struct fwd *fwd;
	int rc = fwd_routes_build(route, RTE_DIM(route), SOCKET_ID_ANY, &routes, err);

	if (rc != 0)
		return rc;
	rc = fwd_build(routes, neighbour, RTE_DIM(neighbour), rig->dp->port, &fwd, err);
	fwd_routes_put(routes);
	if (rc == 0)
		dataplane_publish_fwd(rig->dp, fwd);
	return rc;
}

int rig_create(const struct rig_params *params, struct rig **created, struct error *err)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int rc;

	if (rig == NULL)
		return error_set(err, ENOMEM, "no memory");
	rig->flows = params->flows;
	rc = create_dataplane(rig, params, err);
	for (unsigned i = 0; i < RIG_TUNNELS && rc == 0; i++)
		rc = create_tunnel(rig, i, params, err);
	if (rc == 0)
		rc = publish_sadb(rig, err);
	if (rc == 0)
		rc = publish_spd(rig, params->policies, err);
	if (rc == 0)
		rc = publish_routes(rig, err);
	if (rc == 0 && aead_ctx_create(&engines, &rig->aead) != 0)
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
	for (unsigned i = 0; i < RIG_TUNNELS; i++) {
		sa_destroy(rig->tunnel[i].out);
		sa_destroy(rig->tunnel[i].in);
		sa_destroy(rig->tunnel[i].peer);
	}
	dataplane_destroy(rig->dp);
	for (unsigned side = 0; side < 2; side++) {
		rte_ring_free(rig->rx[side]);
		rte_ring_free(rig->tx[side]);
	}
	free(rig);
}

// Flows differ in their source port and, beyond 4096 of them, in the near host.
static void write_inner(
	uint8_t *ip, uint16_t octets, unsigned flow, enum rig_protocol protocol, bool from_peer)
{
	struct ip_prefix far = prefix(far_network[protocol]);
	uint32_t far_host = load_be32(far.addr.octets) + 1;
	uint32_t near_host = 0x0a010001 + flow / 4096;

	packet_write_ipv4(ip, octets, IP_PROTOCOL_UDP, from_peer ? far_host : near_host,
		from_peer ? near_host : far_host);
	packet_write_udp(ip + IPV4_HEADER_MIN, (uint16_t)(octets - IPV4_HEADER_MIN),
		(uint16_t)(10000 + flow % 4096), 5001);
}

static int prepend_ether(struct rig *rig, enum port_side side, struct rte_mbuf *m)
{
	uint8_t *frame = pkt_prepend(m, RTE_ETHER_HDR_LEN);

	if (frame == NULL)
		return -ENOBUFS;
	memcpy(frame, rig->dp->port[side].mac.addr_bytes, 6);
	memset(frame + 6, 2, 6);
	store_be16(frame + 12, RTE_ETHER_TYPE_IPV4);
	return 0;
}

// The far gateway's work on a burst of inner packets.
static void seal(struct rig *rig, struct sa_out *sa, struct burst *b)
{
	struct aead_batch batch;

	batch.n = 0;
	sa->proto->encap(sa, 0, b, 0, b->n, &batch);
	aead_seal_burst(rig->aead, batch.op, batch.n);
}

// Octets that stand in front of the inner packet when the frame arrives.
static uint16_t octets_in_front(const struct rig_frames *frames)
{
	static const uint16_t header[RIG_PROTOCOLS] = {[RIG_VPE] = IPV4_HEADER_MIN + VPE_HEADER,
		[RIG_ESP] = IPV4_HEADER_MIN + ESP_PAYLOAD};

	return RTE_ETHER_HDR_LEN +
		(frames->side == PORT_UNPROTECTED ? header[frames->protocol] : 0);
}

static int make_burst(struct rig *rig, const struct rig_frames *frames, struct burst *b)
{
	uint16_t octets = (uint16_t)(frames->frame_octets - RTE_ETHER_HDR_LEN);
	int rc = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		uint8_t *inner;

		b->m[i] = rte_pktmbuf_alloc(rig->dp->pool);
		if (b->m[i] == NULL)
			return -ENOMEM;
		// So that the frame begins where a NIC would put it.
		b->m[i]->data_off =
			(uint16_t)(RTE_PKTMBUF_HEADROOM + frames->shift + octets_in_front(frames));
		inner = pkt_append(b->m[i], octets);
		if (inner == NULL)
			return -ENOBUFS;
		write_inner(inner, octets, rig->flow, frames->protocol,
			frames->side == PORT_UNPROTECTED);
		rig->flow = rig->flow + 1 < rig->flows ? rig->flow + 1 : 0;
	}
	if (frames->side == PORT_UNPROTECTED && frames->protocol < RIG_TUNNELS)
		seal(rig, rig->tunnel[frames->protocol].peer->out, b);
	for (uint16_t i = 0; i < b->n && rc == 0; i++)
		rc = prepend_ether(rig, frames->side, b->m[i]);
	return rc;
}

int rig_fill(struct rig *rig, const struct rig_frames *frames, unsigned n)
{
	struct burst b;

	while (n > 0) {
		int rc;

		b.n = (uint16_t)RTE_MIN(n, (unsigned)BURST_MAX);
		rc = make_burst(rig, frames, &b);
		if (rc != 0)
			return rc;
		if (rte_ring_enqueue_bulk(rig->rx[frames->side], (void **)b.m, b.n, NULL) != b.n)
			return -ENOBUFS;
		n -= b.n;
	}
	return 0;
}

unsigned rig_drain(struct rig *rig, enum port_side side)
{
	struct rte_mbuf *m[BURST_MAX];
	unsigned drained = 0;
	unsigned n;

	while ((n = rte_ring_dequeue_burst(rig->tx[side], (void **)m, BURST_MAX, NULL)) > 0) {
		rte_pktmbuf_free_bulk(m, n);
		drained += n;
	}
	return drained;
}
