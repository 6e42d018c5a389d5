// Tunnels with both their ends, policies, routes and neighbours of the tests' gateway.
#include "fixture.h"

#include "dataplane/punt.h"

#include <stdio.h>

static const uint16_t peer_index[LAB_WORKERS] = {0, 1, 2, 3};
const struct sa_workers peer_workers = {
	.n = LAB_WORKERS,
	.encrypt_n = LAB_WORKERS,
	.encrypt_index = peer_index,
	.encrypt = peer_index,
};

struct ip_addr addr_of(const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_addr_parse(text, &addr), 0);
	return addr;
}

struct ip_prefix prefix_of(const char *text)
{
	struct ip_prefix prefix;

	assert_int_equal(ip_prefix_parse(text, &prefix), 0);
	return prefix;
}

struct rte_ether_addr mac_of(const char *text)
{
	struct ip_addr addr = addr_of(text);
	struct rte_ether_addr mac = {{2, addr.family}};

	memcpy(mac.addr_bytes + 2, addr.octets + (addr.family == IP_V4 ? 0 : 12), 4);
	return mac;
}

static struct sa *make_sa(struct lab *lab, const char *name, bool inbound,
	const struct sa_params *params, const uint8_t *key, const char *engine,
	struct tunnel *tunnel, bool far)
{
	struct sa_place place = {
		.workers = far ? &peer_workers : &lab->dp->sa_workers,
		.windows = far ? &lab->peer_windows : &lab->dp->windows,
		.socket = SOCKET_ID_ANY,
		.path_mtu = far ? 2000 : lab->params.mtu[WAN],
	};
	struct error err = {.text = ""};
	struct sa *sa = NULL;

	if (params->proto->check(params, inbound, &err) != 0 ||
		sa_create(name, inbound, params, key,
			aead_choose(&engines_all, params->algorithm, engine), tunnel, &place, &sa,
			&err) != 0)
		fail_msg("%s", err.text);
	return sa;
}

static void fill_params(struct sa_params *in, struct sa_params *out,
	const struct lab_tunnel_params *p, const struct tunnel *tunnel, unsigned index)
{
	const struct proto_ops *proto = p->proto == NULL ? &vpe_ops : p->proto;

	*in = (struct sa_params){
		.proto = proto,
		.local = tunnel->local,
		.remote = tunnel->remote,
		.spi = p->spi_in != 0 ? p->spi_in : 0x20010000 + index,
		.algorithm = p->algorithm,
		.esn = p->esn,
		.sender_id = p->sender_id,
		.replay_window = p->replay_window == 0 ? REPLAY_WINDOW_DEFAULT : p->replay_window,
		.windows = p->windows == 0 ? 16 : p->windows,
		.first = p->peer_first == 0 ? 1 : p->peer_first,
		.journaled = p->journaled,
	};
	outer_class_default(&in->class);
	if (proto->has_salt)
		memcpy(in->salt, (uint8_t[]){1, 2, 3, (uint8_t)index}, SA_SALT_OCTETS);
	*out = *in;
	out->spi = 0x30010000 + index;
	out->first = p->first == 0 ? 1 : p->first;
	out->journaled = false;
}

static struct sa_params mirrored(const struct sa_params *params)
{
	struct sa_params far = *params;

	far.local = params->remote;
	far.remote = params->local;
	far.replay_window = 65536;
	return far;
}

// The far gateway has as many encrypting workers as a test needs, for ESP too.
static void open_lanes(const struct lab *lab, struct sa_out *sa)
{
	for (unsigned i = 0; i < lab->dp->workers; i++)
		sa->lane[i].lease_end = sa->proto->last_seq(sa->esn) + 1;
}

unsigned lab_tunnel(struct lab *lab, const struct lab_tunnel_params *params)
{
	static const struct lab_tunnel_params defaults;
	const struct lab_tunnel_params *p = params == NULL ? &defaults : params;
	unsigned index = lab->tunnels++;
	struct lab_tunnel *t = &lab->tunnel[index];
	struct sa_params in;
	struct sa_params out;
	struct sa_params far_in;
	struct sa_params far_out;
	char remote[IP_ADDR_TEXT];

	assert_true(index < LAB_TUNNELS);
	snprintf(remote, sizeof(remote), p->outer6 ? "2001:db8::%x" : "192.0.2.%u", 100 + index);
	t->tunnel = (struct tunnel){.index = (uint16_t)index, .port = WAN};
	t->tunnel.local =
		addr_of(p->local != NULL ? p->local : (p->outer6 ? "2001:db8::1" : "192.0.2.1"));
	t->tunnel.remote = addr_of(remote);
	memset(t->key_in, 0x40 + (int)index, sizeof(t->key_in));
	memset(t->key_out, 0x80 + (int)index, sizeof(t->key_out));
	fill_params(&in, &out, p, &t->tunnel, index);
	far_in = mirrored(&out);
	far_out = mirrored(&in);
	t->out = make_sa(lab, "out", false, &out, t->key_out, p->engine, &t->tunnel, false);
	t->in = make_sa(lab, "in", true, &in, t->key_in, p->engine, &t->tunnel, false);
	// The far side computes with the other engine.
	t->peer_in = make_sa(lab, "far in", true, &far_in, t->key_out, "openssl", &t->far, true);
	t->peer_out = make_sa(lab, "far out", false, &far_out, t->key_in, "openssl", &t->far, true);
	open_lanes(lab, t->peer_out->out);
	atomic_store(&t->tunnel.out, t->out->out);
	lab_neighbour(lab, remote, WAN, false);
	return index;
}

struct policy *lab_policy(struct lab *lab, const char *source, const char *destination,
	enum policy_action action, unsigned tunnel)
{
	struct policy *policy = &lab->policy[lab->policies++];

	assert_true(lab->policies <= LAB_POLICIES);
	*policy = (struct policy){
		.selector =
			{
				.source = prefix_of(source),
				.destination = prefix_of(destination),
				.protocol = SELECTOR_ANY_PROTOCOL,
				.source_port = {0, UINT16_MAX},
				.destination_port = {0, UINT16_MAX},
			},
		.action = action,
		.tunnel = action == POLICY_PROTECT ? &lab->tunnel[tunnel].tunnel : NULL,
	};
	return policy;
}

void lab_protect(struct lab *lab, unsigned tunnel)
{
	char net[IP_PREFIX_TEXT];

	snprintf(net, sizeof(net), "10.%u.0.0/16", 100 + tunnel);
	lab_policy(lab, "10.1.0.0/16", net, POLICY_PROTECT, tunnel);
	snprintf(net, sizeof(net), "fd00:%u::/32", 100 + tunnel);
	lab_policy(lab, "fd01::/16", net, POLICY_PROTECT, tunnel);
}

struct fwd_route *lab_route(struct lab *lab, const char *prefix, enum adjacency_kind kind,
	uint8_t port, const char *gateway)
{
	struct fwd_route *route = &lab->route[lab->routes++];

	assert_true(lab->routes <= LAB_ROUTES);
	*route = (struct fwd_route){
		.prefix = prefix_of(prefix), .kind = (uint8_t)kind, .port = port};
	// Tunnels end at all our addresses on the wire.
	route->tunnel_end = kind == ADJACENCY_LOCAL && port == WAN;
	if (gateway != NULL)
		route->gateway = addr_of(gateway);
	return route;
}

void lab_neighbour(struct lab *lab, const char *addr, uint8_t port, bool failed)
{
	assert_true(lab->neighbours < LAB_NEIGHBOURS);
	lab->neighbour[lab->neighbours++] = (struct fwd_neighbour){
		.addr = addr_of(addr), .port = port, .failed = failed, .mac = mac_of(addr)};
}

void lab_publish_sadb(struct lab *lab)
{
	struct sa_in *sas[LAB_TUNNELS];
	struct error err = {.text = ""};
	struct sadb *sadb;

	for (unsigned i = 0; i < lab->tunnels; i++)
		sas[i] = lab->tunnel[i].in->in;
	if (sadb_build(sas, lab->tunnels, lab->dp->protos, SOCKET_ID_ANY, &sadb, &err) != 0)
		fail_msg("%s", err.text);
	dataplane_publish_sadb(lab->dp, sadb);
}

void lab_publish_spd(struct lab *lab)
{
	struct error err = {.text = ""};
	struct spd *spd;

	if (spd_build(lab->policy, lab->policies, lab->dp->workers, SOCKET_ID_ANY, &spd, &err) != 0)
		fail_msg("%s", err.text);
	dataplane_publish_spd(lab->dp, spd);
}

void lab_publish_fwd(struct lab *lab)
{
	struct error err = {.text = ""};
	struct fwd_routes *routes;
	struct fwd *fwd;

	if (fwd_routes_build(lab->route, lab->routes, SOCKET_ID_ANY, &routes, &err) != 0 ||
		fwd_build(routes, lab->neighbour, lab->neighbours, lab->dp->port, &fwd, &err) != 0)
		fail_msg("%s", err.text);
	fwd_routes_put(routes);
	dataplane_publish_fwd(lab->dp, fwd);
}

void lab_publish(struct lab *lab)
{
	lab_publish_sadb(lab);
	lab_publish_spd(lab);
	lab_publish_fwd(lab);
	if (!lab->dp->running)
		dataplane_reclaim(lab->dp);
}
