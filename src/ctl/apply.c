// Exchanging what is in force. Workers take up each table by itself, so their order matters:
// receivers first, then what is sent, then what is to be sent, and what goes is freed last.
#include "ctl/apply.h"

#include "ctl/apply_diff.h"
#include "ctl/apply_policies.h"
#include "ctl/apply_tell.h"
#include "ctl/host_guard_watch.h"
#include "ctl/live.h"
#include "ctl/liveness.h"
#include "ctl/tunnel_mtu.h"
#include "ctl/used_keys.h"
#include "dataplane/about_path.h"

#include <errno.h>
#include <rte_memory.h>
#include <stdlib.h>
#include <string.h>

// What is new. NULL: it stays as it is.
struct exchange {
	struct sadb *sadb;
	struct spd *spd;
	bool guarded; // the policies that the host guard knows of
};

static unsigned count_inbound(const struct config *config)
{
	unsigned n = 0;

	for (unsigned i = 0; i < config->tunnels_n; i++)
		n += config->tunnels[i].in_n;
	return n;
}

static int build_sadb(
	struct gateway *gateway, const struct config *next, struct sadb **sadb, struct error *err)
{
	struct sa_in **in = calloc(count_inbound(next) + 1, sizeof(in[0]));
	unsigned n = 0;
	int ret;

	if (!in)
		return error_set(err, ENOMEM, "no memory for SAs");
	for (unsigned i = 0; i < next->tunnels_n; i++) {
		const struct config_tunnel *tunnel = &next->tunnels[i];

		for (unsigned k = 0; k < tunnel->in_n; k++)
			if (!tunnel->in[k].live->body->expired)
				in[n++] = tunnel->in[k].live->in;
	}
	ret = sadb_build(in, n, gateway->dp->protos, SOCKET_ID_ANY, sadb, err);
	free(in);
	return ret;
}

// NULL: it stays as it is.
static int exchange_sadb(struct gateway *gateway, const struct config *next,
	const struct apply_diff *diff, struct sadb **sadb, struct error *err)
{
	const struct sadb *now = atomic_load_explicit(&gateway->dp->sadb, memory_order_acquire);

	*sadb = NULL;
	if (now && !diff->gone && diff->more_n == 0)
		return 0;
	if (now && !diff->gone && sadb_has_room(now, diff->more_n))
		return sadb_extend(now, diff->more, diff->more_n, SOCKET_ID_ANY, sadb, err);
	return build_sadb(gateway, next, sadb, err);
}

// What is to be protected is guarded before workers know of it. Withdrawn policies stay guarded.
static int guard(struct gateway *gateway, const struct config *next, const struct exchange *fresh,
	struct error *err)
{
	if (!gateway->guard_watch || !fresh->guarded)
		return 0;
	return host_guard_watch_policies(gateway->guard_watch, next, err);
}

static unsigned count_new(const struct config *config, const struct apply_diff *diff)
{
	unsigned n = 0;

	for (unsigned i = 0; i < diff->n; i++) {
		const struct config_tunnel *tunnel = &config->tunnels[diff->tunnel[i]];

		n += tunnel->has_out && !tunnel->out.live->published;
		for (unsigned k = 0; k < tunnel->in_n; k++)
			n += !tunnel->in[k].live->published;
	}
	return n;
}

static int reserve_keys(struct gateway *gateway, const struct config *next,
	const struct apply_diff *diff, struct error *err)
{
	int ret = used_keys_reserve(gateway->used_keys, count_new(next, diff));

	if (ret == -ENOSPC)
		return error_set(err, ENOSPC,
			"%zu keys were in use since the daemon started, and it remembers %zu at "
			"most, so that none comes back; start it again to go on with new keys",
			used_keys_count(gateway->used_keys), used_keys_most(gateway->used_keys));
	return ret == 0 ? 0 : error_set(err, ENOMEM, "no memory to remember keys that are in use");
}

static int build(struct gateway *gateway, const struct config *next, const struct apply_diff *diff,
	struct exchange *fresh, struct error *err)
{
	int ret = reserve_keys(gateway, next, diff, err);

	if (ret < 0)
		return ret;
	fresh->guarded = !apply_same_guarded(gateway->config, next);
	ret = exchange_sadb(gateway, next, diff, &fresh->sadb, err);
	if (ret < 0)
		return ret;
	ret = apply_build_spd(gateway, next, diff, &fresh->spd, err);
	if (ret == 0) {
		ret = live_lease(gateway, next, err);
		if (ret == 0)
			ret = guard(gateway, next, fresh, err);
		if (ret < 0)
			spd_free(fresh->spd);
	}
	if (ret < 0)
		sadb_free(fresh->sadb);
	return ret;
}

// What was said is about another path.
static void forget_path(
	const struct gateway *gateway, struct tunnel *tunnel, const struct ip_addr *remote)
{
	const struct fwd *fwd = atomic_load_explicit(&gateway->dp->fwd, memory_order_acquire);
	uint16_t link = fwd_mtu(fwd, remote);

	tunnel->limits.link = link ? link : UINT16_MAX;
	tunnel->limits.learned = UINT16_MAX;
}

// What packets to the tunnel's other end leave by.
static struct sa_out *sa_out_of(const struct config_tunnel *from)
{
	return from->has_out && !from->out.live->body->expired ? from->out.live->out : NULL;
}

static void exchange_tunnel(struct gateway *gateway, struct config_tunnel *from)
{
	struct tunnel *tunnel = from->live;
	struct sa_out *out = sa_out_of(from);
	const struct sa_params *sa = from->has_out ? &from->out.params
		: from->in_n > 0		   ? &from->in[0].params
						   : NULL;

	const struct ip_addr *local = sa ? &sa->local : &from->local;
	const struct ip_addr *remote = sa ? &sa->remote : &from->remote;
	bool moved = !tunnel->published || !ip_addr_equal(&tunnel->local, local) ||
		!ip_addr_equal(&tunnel->remote, remote);

	tunnel->limits.configured = from->mtu;
	if (moved)
		forget_path(gateway, tunnel, remote);
	tunnel->port = (uint8_t)from->port;
	tunnel->local = *local;
	tunnel->remote = *remote;
	tunnel->proto = sa ? sa->proto : NULL;
	tunnel->tcp_mss = from->tcp_mss;
	tunnel->pmtu_discovery = from->pmtu_discovery;
	tunnel->published = true;
	if (out)
		sa_out_set_path_mtu(out, tunnel_mtu_least(tunnel));
	atomic_store_explicit(&tunnel->out, out, memory_order_release);
	tunnel_mtu_apply(tunnel);
}

// There is room; see build.
static void publish_sa(struct gateway *gateway, const struct config_sa *sa)
{
	if (!sa->live->published)
		used_keys_add(gateway->used_keys, sa->fingerprint);
	sa->live->published = true;
}

static void publish_all(
	struct gateway *gateway, const struct config *next, const struct apply_diff *diff)
{
	for (unsigned i = 0; i < diff->n; i++) {
		const struct config_tunnel *tunnel = &next->tunnels[diff->tunnel[i]];

		if (tunnel->has_out)
			publish_sa(gateway, &tunnel->out);
		for (unsigned k = 0; k < tunnel->in_n; k++)
			publish_sa(gateway, &tunnel->in[k]);
	}
}

// Takes next's lists.
static void replace(struct gateway *gateway, struct config *next)
{
	struct config *now = gateway->config;

	if (now == next)
		return;
	name_index_forget(&now->tunnel_names);
	name_index_forget(&now->policy_names);
	free(now->tunnels);
	free(now->policies);
	now->tunnels = next->tunnels;
	now->tunnels_n = next->tunnels_n;
	now->policies = next->policies;
	now->policies_n = next->policies_n;
	next->tunnels = NULL;
	next->policies = NULL;
	next->tunnels_n = 0;
	next->policies_n = 0;
}

static void exchange(struct gateway *gateway, struct config *next, const struct apply_diff *diff,
	const struct exchange *fresh)
{
	const struct config *const named[] = {gateway->config};

	if (fresh->sadb)
		dataplane_publish_sadb(gateway->dp, fresh->sadb);
	for (unsigned i = 0; i < diff->n; i++)
		exchange_tunnel(gateway, &next->tunnels[diff->tunnel[i]]);
	apply_carry_hits(gateway, next, fresh->spd);
	if (fresh->spd)
		dataplane_publish_spd(gateway->dp, fresh->spd);
	publish_all(gateway, next, diff);
	replace(gateway, next);
	if (gateway->liveness)
		liveness_follow(gateway->liveness);
	// Tunnels that are gone have no policy any more; whoever still looks finds no SA.
	live_sweep(gateway, named, 1);
	about_path_set(gateway->dp, gateway->sa, gateway->sas);
	apply_tell(gateway, diff->ends, fresh->guarded || fresh->spd);
}

int apply(struct gateway *gateway, struct config *next, struct error *err)
{
	const struct config *now = gateway->config == next ? NULL : gateway->config;
	struct apply_diff diff;
	struct exchange fresh;
	int ret = apply_diff_make(now, next, &diff);

	if (ret < 0)
		return error_set(err, ENOMEM, "no memory to compare configurations");
	ret = build(gateway, next, &diff, &fresh, err);
	if (ret == 0)
		exchange(gateway, next, &diff, &fresh);
	apply_diff_free(&diff);
	return ret;
}

int apply_expiry(struct gateway *gateway, struct error *err)
{
	const struct config *config = gateway->config;
	struct sadb *sadb;
	int ret;

	for (unsigned i = 0; i < config->tunnels_n; i++)
		atomic_store_explicit(&config->tunnels[i].live->out, sa_out_of(&config->tunnels[i]),
			memory_order_release);
	ret = build_sadb(gateway, config, &sadb, err);
	if (ret == 0)
		dataplane_publish_sadb(gateway->dp, sadb);
	return ret;
}
