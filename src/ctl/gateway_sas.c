// From the configuration's tunnels and policies to the data plane's.
#include "ctl/gateway_sas.h"

#include "base/log.h"
#include "base/secret.h"
#include "ctl/tunnel_mtu.h"
#include "dataplane/about_path.h"

#include <errno.h>
#include <rte_memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_SECOND UINT64_C(1000000000)

static int install_tunnels(struct gateway *gateway, struct error *err)
{
	const struct config *config = gateway->config;

	gateway->tunnel = calloc(config->tunnels_n + 1, sizeof(gateway->tunnel[0]));
	if (gateway->tunnel == NULL)
		return error_set(err, ENOMEM, "no memory for %u tunnels", config->tunnels_n);
	gateway->tunnels = config->tunnels_n;
	for (unsigned i = 0; i < config->tunnels_n; i++) {
		const struct config_tunnel *from = &config->tunnels[i];
		struct tunnel *tunnel = &gateway->tunnel[i];

		snprintf(tunnel->name, sizeof(tunnel->name), "%s", from->name);
		tunnel->index = (uint16_t)i;
		tunnel->port = (uint8_t)from->port;
		tunnel->local = from->local;
		tunnel->remote = from->remote;
		dataplane_add_peer(gateway->dp, &tunnel->remote);
		tunnel_mtu_set(gateway, tunnel, from->mtu);
	}
	return 0;
}

static uint64_t unix_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static int install_sa(struct gateway *gateway, const struct config_sa *from, struct tunnel *tunnel,
	bool inbound, const struct aead_table *engines, struct error *err)
{
	const struct aead_engine *engine =
		aead_choose(engines, from->params.algorithm, gateway->config->crypto);
	struct sa_params params;
	struct sa_place place = {
		.workers = &gateway->dp->sa_workers,
		.windows = &gateway->dp->windows,
		.socket = SOCKET_ID_ANY,
		.path_mtu = tunnel->path_mtu,
	};
	char name[SA_NAME];
	int rc;

	snprintf(name, sizeof(name), "%s %s", tunnel->name, inbound ? "in" : "out");
	if (engine == NULL)
		return error_set(err, ENOTSUP, "SA %s: no engine here does %s", name,
			aead_name(from->params.algorithm));
	params = from->params;
	params.first = params.proto->first_seq(unix_ns());
	rc = sa_create(name, inbound, &params, from->key, engine, tunnel, &place,
		&gateway->sa[gateway->sas], err);
	secret_wipe(params.salt, sizeof(params.salt));
	if (rc == 0 && !inbound) {
		atomic_store(&tunnel->out, gateway->sa[gateway->sas]->out);
		about_path_add(gateway->dp, &tunnel->remote, gateway->sa[gateway->sas]->out->spi);
	}
	if (rc == 0)
		gateway->sas++;
	return rc;
}

static unsigned count_sas(const struct config *config)
{
	unsigned n = 0;

	for (unsigned i = 0; i < config->tunnels_n; i++)
		n += config->tunnels[i].has_out + config->tunnels[i].in_n;
	return n;
}

static int install_all_sas(
	struct gateway *gateway, const struct aead_table *engines, struct error *err)
{
	const struct config *config = gateway->config;
	int rc = 0;

	gateway->sa = calloc(count_sas(config) + 1, sizeof(gateway->sa[0]));
	if (gateway->sa == NULL)
		return error_set(err, ENOMEM, "no memory for SAs");
	for (unsigned i = 0; i < config->tunnels_n && rc == 0; i++) {
		const struct config_tunnel *from = &config->tunnels[i];
		struct tunnel *tunnel = &gateway->tunnel[i];

		for (unsigned k = 0; k < from->in_n && rc == 0; k++)
			rc = install_sa(gateway, &from->in[k], tunnel, true, engines, err);
		if (from->has_out && rc == 0)
			rc = install_sa(gateway, &from->out, tunnel, false, engines, err);
	}
	return rc;
}

static int publish_sadb(struct gateway *gateway, struct error *err)
{
	struct sa_in **in = calloc(gateway->sas + 1, sizeof(in[0]));
	struct sadb *sadb;
	unsigned n = 0;
	int rc;

	if (in == NULL)
		return error_set(err, ENOMEM, "no memory for SAs");
	for (unsigned i = 0; i < gateway->sas; i++) {
		if (gateway->sa[i]->inbound)
			in[n++] = gateway->sa[i]->in;
	}
	rc = sadb_build(in, n, gateway->dp->protos, SOCKET_ID_ANY, &sadb, err);
	free(in);
	if (rc == 0)
		dataplane_publish_sadb(gateway->dp, sadb);
	return rc;
}

static int publish_spd(struct gateway *gateway, struct error *err)
{
	const struct config *config = gateway->config;
	struct policy *policy = calloc(config->policies_n + 1, sizeof(policy[0]));
	struct spd *spd;
	int rc;

	if (policy == NULL)
		return error_set(err, ENOMEM, "no memory for policies");
	for (unsigned i = 0; i < config->policies_n; i++) {
		const struct config_policy *from = &config->policies[i];

		snprintf(policy[i].name, sizeof(policy[i].name), "%s", from->name);
		policy[i].selector = from->selector;
		policy[i].action = from->action;
		if (from->action == POLICY_PROTECT)
			policy[i].tunnel = &gateway->tunnel[from->tunnel];
	}
	rc = spd_build(policy, config->policies_n, gateway->dp->workers, SOCKET_ID_ANY, &spd, err);
	free(policy);
	if (rc == 0)
		dataplane_publish_spd(gateway->dp, spd);
	return rc;
}

static void warn_static_keys(const struct gateway *gateway)
{
	if (gateway->sas > 0)
		log_warning("static keys are accepted because the configuration gives its word "
			    "(manual_keys = \"fresh-each-start\") that every key is new: there is "
			    "no record of used sequence numbers, and starting again with a key "
			    "that was in use can repeat a nonce");
}

static void warn_ipv6(const struct gateway *gateway)
{
	for (unsigned i = 0; i < gateway->sas; i++) {
		const struct sa *sa = gateway->sa[i];

		if (!sa->inbound && sa_out_max_inner(sa->out) < IPV6_MTU_MIN)
			log_warning("tunnel %s: IPv6 counts on %u octets, and %u fit: packets "
				    "between go in fragments; a larger mtu of tunnel and port %s "
				    "would help",
				sa->tunnel->name, IPV6_MTU_MIN, sa_out_max_inner(sa->out),
				gateway->dp->port[sa->tunnel->port].name);
	}
}

// Of a protocol whose first number goes with the clock: it stands still before the clock's zero.
static bool clock_is_early(const struct proto_ops *proto, uint64_t now_ns)
{
	return proto->first_seq(now_ns) == proto->first_seq(0) &&
		proto->first_seq(INT64_MAX) != proto->first_seq(0);
}

static void warn_clock(const struct gateway *gateway)
{
	uint64_t now_ns = unix_ns();

	for (unsigned i = 0; i < gateway->sas; i++) {
		const struct sa *sa = gateway->sa[i];

		if (sa->inbound || !clock_is_early(sa->params.proto, now_ns))
			continue;
		log_warning("the clock says that it is before 2026-01-01: sequence numbers of "
			    "%s start at 1 and not where the clock puts them; set the clock, or "
			    "be sure that all keys are fresh",
			sa->params.proto->name);
		return;
	}
}

int gateway_install_sas(
	struct gateway *gateway, const struct aead_table *engines, struct error *err)
{
	int rc = install_tunnels(gateway, err);

	if (rc == 0)
		rc = install_all_sas(gateway, engines, err);
	if (rc == 0)
		rc = publish_sadb(gateway, err);
	if (rc == 0)
		rc = publish_spd(gateway, err);
	if (rc == 0) {
		warn_static_keys(gateway);
		warn_ipv6(gateway);
		warn_clock(gateway);
	}
	return rc;
}

void gateway_remove_sas(struct gateway *gateway)
{
	for (unsigned i = 0; i < gateway->sas; i++)
		sa_destroy(gateway->sa[i]);
	free(gateway->sa);
	free(gateway->tunnel);
}
