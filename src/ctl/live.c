// Tunnels and SAs between the configuration and the data plane.
#include "ctl/live.h"

#include "base/log.h"
#include "base/secret.h"
#include "ctl/journal_service.h"
#include "ctl/limiter.h"
#include "ctl/tunnel_mtu.h"
#include "ctl/used_keys.h"

#include <errno.h>
#include <rte_memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_SECOND UINT64_C(1000000000)

// The place after the last one given, so that an index comes back as late as possible: packets on
// their way to control carry it.
static int take_index(struct gateway *gateway, uint16_t *index)
{
	if (!gateway->tunnel)
		gateway->tunnel = calloc(GATEWAY_TUNNELS, sizeof(gateway->tunnel[0]));
	if (!gateway->tunnel)
		return -ENOMEM;
	for (unsigned i = 0; i < GATEWAY_TUNNELS; i++) {
		unsigned at = (gateway->tunnel_next + i) % GATEWAY_TUNNELS;

		if (gateway->tunnel[at])
			continue;
		*index = (uint16_t)at;
		gateway->tunnel_next = (at + 1) % GATEWAY_TUNNELS;
		if (at >= gateway->tunnels)
			gateway->tunnels = at + 1;
		return 0;
	}
	return -ENOSPC;
}

int live_tunnel(struct gateway *gateway, struct config_tunnel *from, struct error *err)
{
	struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
	uint16_t index;

	if (!tunnel || take_index(gateway, &index) < 0) {
		free(tunnel);
		return error_set(err, ENOMEM, "tunnel %s: no memory", from->name);
	}
	memcpy(tunnel->name, from->name, sizeof(tunnel->name));
	tunnel->index = index;
	tunnel->port = (uint8_t)from->port;
	tunnel->local = from->local;
	tunnel->remote = from->remote;
	tunnel->tcp_mss = from->tcp_mss;
	tunnel->pmtu_discovery = from->pmtu_discovery;
	tunnel->limits = (struct tunnel_limits){from->mtu, UINT16_MAX, UINT16_MAX, 0};
	tunnel_mtu_apply(tunnel);
	gateway->tunnel[index] = tunnel;
	from->live = tunnel;
	return 0;
}

static uint64_t unix_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static struct sa_place place_of(struct gateway *gateway, const struct tunnel *tunnel)
{
	return (struct sa_place){
		.workers = &gateway->dp->sa_workers,
		.windows = &gateway->dp->windows,
		.socket = SOCKET_ID_ANY,
		.path_mtu = tunnel->path_mtu,
	};
}

static int make_room(struct gateway *gateway, struct error *err)
{
	unsigned room = gateway->sas_room ? 2 * gateway->sas_room : 64;
	struct sa **grown;

	if (gateway->sas < gateway->sas_room)
		return 0;
	grown = reallocarray(gateway->sa, room, sizeof(grown[0]));
	if (!grown)
		return error_set(err, ENOMEM, "no memory for SAs");
	gateway->sa = grown;
	gateway->sas_room = room;
	return 0;
}

static void name_of(const struct config_tunnel *tunnel, bool inbound, char name[SA_NAME])
{
	snprintf(name, SA_NAME, "%s %s", tunnel->name, inbound ? "in" : "out");
}

static void enter(struct gateway *gateway, struct config_sa *sa)
{
	sa->live->owner = sa->owner;
	sa->live->serial = ++gateway->sas_made;
	gateway->sa[gateway->sas++] = sa->live;
}

int live_sa(struct gateway *gateway, const struct config_tunnel *tunnel, struct config_sa *sa,
	bool inbound, struct error *err)
{
	const struct aead_engine *engine =
		aead_choose(gateway->dp->engines, sa->params.algorithm, gateway->config->crypto);
	struct sa_place place = place_of(gateway, tunnel->live);
	struct sa_params params;
	char name[SA_NAME];
	int ret = make_room(gateway, err);

	if (ret < 0)
		return ret;
	name_of(tunnel, inbound, name);
	if (!engine)
		return error_set(err, ENOTSUP, "SA %s: no engine here does %s", name,
			aead_name(sa->params.algorithm));
	params = sa->params;
	params.first = params.proto->first_seq(unix_ns());
	ret = sa_create(
		name, inbound, &params, sa->key, engine, tunnel->live, &place, &sa->live, err);
	secret_wipe(params.salt, sizeof(params.salt));
	secret_free(sa->key);
	sa->key = NULL;
	if (ret < 0)
		return ret;
	sa->live->born_ms = limiter_now_ms();
	enter(gateway, sa);
	return 0;
}

int live_sa_move(struct gateway *gateway, const struct config_tunnel *tunnel, struct config_sa *sa,
	struct sa *before, struct error *err)
{
	struct sa_place place = place_of(gateway, tunnel->live);
	struct sa_params params = sa->params;
	char name[SA_NAME];
	int ret = make_room(gateway, err);

	if (ret < 0)
		return ret;
	name_of(tunnel, before->inbound, name);
	params.first = before->params.first;
	memcpy(params.salt, before->params.salt, sizeof(params.salt));
	ret = sa_move(before, name, &params, tunnel->live, &place, &sa->live, err);
	secret_wipe(params.salt, sizeof(params.salt));
	if (ret < 0)
		return ret;
	sa->live->born_ms = before->born_ms;
	sa->live->soft_told = before->soft_told;
	sa->live->numbers_told = before->numbers_told;
	enter(gateway, sa);
	return 0;
}

// A key that had leases would count from the start.
static int check_fresh(struct gateway *gateway, const struct config_sa *sa, struct error *err)
{
	if (!journal_service_has(gateway->journal, sa->fingerprint))
		return 0;
	return error_set(err, EEXIST,
		"SA %s: its key has a record in the journal, so it is not fresh; say manual_keys "
		"= \"journaled\", or make a new one",
		sa->live->name);
}

int live_stays_away(struct gateway *gateway, const struct config_tunnel *tunnel,
	const struct config_sa *sa, bool *away, struct error *err)
{
	int ret = 0;

	*away = false;
	if (sa->params.journaled)
		ret = journal_service_key_has_ended(gateway->journal, sa->fingerprint, away, err);
	if (ret == 0 && *away)
		log_error("tunnel %s: the life of the key of its SA \"%s\" is over, for good "
			  "(hard_lifetime): the SA stays away; make a new key",
			tunnel->name, sa->inbound ? "in" : "out");
	return ret;
}

// One that goes on where another stood has its leases already, unless that one was never in force:
// what is added may be moved before anybody sees it.
static bool is_new(const struct gateway *gateway, const struct config_sa *sa)
{
	return !sa->live->published && !used_keys_has(gateway->used_keys, sa->fingerprint);
}

static int lease_sa(
	struct gateway *gateway, const struct config_sa *sa, bool *any, struct error *err)
{
	if (!is_new(gateway, sa))
		return 0;
	if (!sa->params.journaled)
		return check_fresh(gateway, sa, err);
	*any = true;
	return journal_service_add(gateway->journal, sa->live->body, sa->fingerprint, err);
}

static int check_key(
	struct gateway *gateway, const struct config_sa *sa, unsigned *records, struct error *err)
{
	if (!is_new(gateway, sa))
		return 0;
	if (!sa->params.journaled)
		return check_fresh(gateway, sa, err);
	return journal_service_may_add(
		gateway->journal, sa->live->body, sa->fingerprint, records, err);
}

int live_check_keys(struct gateway *gateway, const struct config *next, struct error *err)
{
	unsigned records = 0;
	int ret = 0;

	for (unsigned i = 0; i < next->tunnels_n && ret == 0; i++) {
		const struct config_tunnel *tunnel = &next->tunnels[i];

		for (unsigned k = 0; k < tunnel->in_n && ret == 0; k++)
			ret = check_key(gateway, &tunnel->in[k], &records, err);
		if (ret == 0 && tunnel->has_out)
			ret = check_key(gateway, &tunnel->out, &records, err);
	}
	return ret;
}

int live_lease(struct gateway *gateway, const struct config *next, struct error *err)
{
	bool any = false;
	int ret = 0;

	for (unsigned i = 0; i < next->tunnels_n && ret == 0; i++) {
		const struct config_tunnel *tunnel = &next->tunnels[i];

		for (unsigned k = 0; k < tunnel->in_n && ret == 0; k++)
			ret = lease_sa(gateway, &tunnel->in[k], &any, err);
		if (ret == 0 && tunnel->has_out)
			ret = lease_sa(gateway, &tunnel->out, &any, err);
	}
	if (any && ret == 0)
		journal_service_grant(gateway->journal);
	return ret;
}

static void name_all(const struct config *config)
{
	for (unsigned i = 0; i < config->tunnels_n; i++) {
		const struct config_tunnel *tunnel = &config->tunnels[i];

		if (tunnel->live)
			tunnel->live->named = true;
		if (tunnel->has_out && tunnel->out.live)
			tunnel->out.live->named = true;
		for (unsigned k = 0; k < tunnel->in_n; k++)
			if (tunnel->in[k].live)
				tunnel->in[k].live->named = true;
	}
}

static void free_sa(void *sa)
{
	sa_destroy(sa);
}

static void sweep_sas(struct gateway *gateway)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < gateway->sas; i++) {
		struct sa *sa = gateway->sa[i];

		if (sa->named) {
			sa->named = false;
			gateway->sa[kept++] = sa;
		} else if (sa->published) {
			dataplane_retire(gateway->dp, sa, free_sa);
		} else {
			sa_destroy(sa);
		}
	}
	gateway->sas = kept;
}

static void sweep_tunnels(struct gateway *gateway)
{
	for (unsigned i = 0; i < gateway->tunnels; i++) {
		struct tunnel *tunnel = gateway->tunnel[i];

		if (!tunnel)
			continue;
		if (tunnel->named) {
			tunnel->named = false;
			continue;
		}
		gateway->tunnel[i] = NULL;
		if (tunnel->published)
			dataplane_retire(gateway->dp, tunnel, free);
		else
			free(tunnel);
	}
}

void live_sweep(struct gateway *gateway, const struct config *const named[], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (named[i])
			name_all(named[i]);
	sweep_sas(gateway);
	sweep_tunnels(gateway);
}

void live_destroy(struct gateway *gateway)
{
	for (unsigned i = 0; i < gateway->sas; i++)
		sa_destroy(gateway->sa[i]);
	free(gateway->sa);
	for (unsigned i = 0; i < gateway->tunnels; i++)
		free(gateway->tunnel[i]);
	free(gateway->tunnel);
}
