// What a gateway on memory ports knows: tunnels with their SAs, policies, routes.
#include "bench/rig_tables.h"
#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>

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

#define SPI_FIRST 0xc0000001

const char *const rig_far_network[RIG_PROTOCOLS] = {"10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"};

static struct sa_params params_of(enum rig_protocol protocol, const struct rig_params *params)
{
	struct sa_params sa = {
		.proto = ops[protocol],
		.local = addr("192.0.2.1"),
		.remote = addr("192.0.2.2"),
		.spi = SPI_FIRST,
		.algorithm = params->algorithm,
		.esn = params->esn,
		.replay_window = REPLAY_WINDOW_DEFAULT,
		.windows = 4,
		.first = 1,
	};

	outer_class_default(&sa.class);
	return sa;
}

// The outbound SA of the far side, with the key of ours.
static struct sa_out *create_peer(const struct rig *rig, const struct sa *in)
{
	size_t octets = sa_out_octets(&rig->dp->sa_workers);
	void *memory = aligned_alloc(CACHE_LINE, RTE_ALIGN_CEIL(octets, (size_t)CACHE_LINE));
	struct sa_params far = in->params;

	if (memory == NULL)
		return NULL;
	far.local = in->params.remote;
	far.remote = in->params.local;
	return sa_out_init(memory, &far, in->key, &rig->dp->sa_workers, RIG_OUTER_MTU);
}

static int create_sas(struct rig *rig, struct rig_tunnel *t, const struct sa_params *first,
	const struct aead_engine *engine, struct error *err)
{
	struct sa_place place = {
		.workers = &rig->dp->sa_workers,
		.windows = &rig->dp->windows,
		.socket = SOCKET_ID_ANY,
		.path_mtu = RIG_OUTER_MTU,
	};
	struct sa_params sa = *first;
	uint8_t key[AEAD_KEY_MAX];
	int rc = secret_random(key, sizeof(key));

	if (rc != 0)
		return error_set(err, -rc, "no random numbers: %s", strerror(-rc));
	rc = sa_create("out", false, &sa, key, engine, &t->tunnel, &place, &t->out, err);
	for (unsigned i = 0; i < rig->sas && rc == 0; i++) {
		sa.spi = SPI_FIRST + i;
		rc = sa_create("in", true, &sa, key, engine, &t->tunnel, &place, &t->in[i], err);
		if (rc != 0)
			break;
		t->peer[i] = create_peer(rig, t->in[i]);
		if (t->peer[i] == NULL)
			rc = error_set(err, ENOMEM, "no memory for %u SAs", rig->sas);
	}
	secret_wipe(key, sizeof(key));
	return rc;
}

int rig_create_tunnel(struct rig *rig, enum rig_protocol protocol, const struct rig_params *params,
	struct error *err)
{
	const struct aead_engine *engine =
		aead_choose(&rig->engines, params->algorithm, params->engine);
	struct sa_params sa = params_of(protocol, params);
	struct rig_tunnel *t = &rig->tunnel[protocol];
	int rc;

	t->tunnel.index = (uint16_t)protocol;
	t->tunnel.port = PORT_UNPROTECTED;
	t->in = calloc(rig->sas, sizeof(t->in[0]));
	t->peer = calloc(rig->sas, sizeof(t->peer[0]));
	if (t->in == NULL || t->peer == NULL)
		return error_set(err, ENOMEM, "no memory for %u SAs", rig->sas);
	if (engine == NULL)
		return error_set(err, ENOTSUP, "no engine named %s for %s", params->engine,
			aead_name(params->algorithm));
	rc = create_sas(rig, t, &sa, engine, err);
	if (rc == 0)
		atomic_store(&t->tunnel.out, t->out->out);
	return rc;
}

void rig_destroy_tunnel(struct rig *rig, enum rig_protocol protocol)
{
	struct rig_tunnel *t = &rig->tunnel[protocol];

	sa_destroy(t->out);
	for (unsigned i = 0; i < rig->sas && t->in != NULL && t->peer != NULL; i++) {
		sa_destroy(t->in[i]);
		free(t->peer[i]);
	}
	free(t->in);
	free(t->peer);
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
			? policy_of(prefix(rig_far_network[last]),
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
	struct sa_in **in = calloc(RIG_TUNNELS * rig->sas, sizeof(in[0]));
	struct sadb *sadb;
	int rc;

	if (in == NULL)
		return error_set(err, ENOMEM, "no memory");
	for (unsigned i = 0; i < RIG_TUNNELS * rig->sas; i++)
		in[i] = rig->tunnel[i / rig->sas].in[i % rig->sas]->in;
	rc = sadb_build(in, RIG_TUNNELS * rig->sas, rig->dp->protos, SOCKET_ID_ANY, &sadb, err);
	if (rc == 0)
		dataplane_publish_sadb(rig->dp, sadb);
	free(in);
	return rc;
}

static int publish_routes(struct rig *rig, struct error *err)
{
	struct fwd_route route[] = {
		{.prefix = prefix("10.1.0.0/16"),
			.kind = ADJACENCY_FORWARD,
			.port = PORT_PROTECTED,
			.gateway = addr("10.1.0.2")},
		{.prefix = prefix(rig_far_network[RIG_CLEAR]),
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

int rig_publish(struct rig *rig, unsigned policies, struct error *err)
{
	int rc = publish_sadb(rig, err);

	if (rc == 0)
		rc = publish_spd(rig, policies, err);
	if (rc == 0)
		rc = publish_routes(rig, err);
	return rc;
}
