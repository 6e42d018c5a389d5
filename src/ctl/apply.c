// Exchanging what is in force. Workers take up each table by itself, so their order matters:
// receivers first, then what is sent, then what is to be sent, and what goes is freed last.
#include "ctl/apply.h"

#include "ctl/apply_diff.h"
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

static enum policy_action action_of(const struct config_policy *policy)
{
	return policy->withdrawn ? POLICY_DISCARD : policy->action;
}

static struct tunnel *tunnel_of(const struct config *config, const struct config_policy *policy)
{
	return action_of(policy) == POLICY_PROTECT ? config->tunnels[policy->tunnel].live : NULL;
}

static bool same_policies(const struct config *a, const struct config *b)
{
	if (a->policies_n != b->policies_n)
		return false;
	for (unsigned i = 0; i < a->policies_n; i++) {
		const struct config_policy *p = &a->policies[i], *q = &b->policies[i];

		if (strcmp(p->name, q->name) != 0 || action_of(p) != action_of(q) ||
			!selector_equal(&p->selector, &q->selector) ||
			tunnel_of(a, p) != tunnel_of(b, q))
			return false;
	}
	return true;
}

// An outbound SA that goes on where another stood shares with it what its worker remembers of the
// next hop; that is looked up anew with each new table of policies.
static bool has_moved(const struct config *next, const struct apply_diff *diff)
{
	for (unsigned i = 0; i < diff->n; i++) {
		const struct config_tunnel *tunnel = &next->tunnels[diff->tunnel[i]];

		if (tunnel->has_out && !tunnel->out.live->published &&
			tunnel->out.live->body != tunnel->out.live)
			return true;
	}
	return false;
}

// NULL: the policies stay as they are.
static int build_spd(struct gateway *gateway, const struct config *next,
	const struct apply_diff *diff, struct spd **spd, struct error *err)
{
	struct policy *policy;
	int ret;

	*spd = NULL;
	if (gateway->changes && same_policies(gateway->config, next) && !has_moved(next, diff))
		return 0;
	policy = calloc(next->policies_n + 1, sizeof(policy[0]));
	if (!policy)
		return error_set(err, ENOMEM, "no memory for policies");
	for (unsigned i = 0; i < next->policies_n; i++) {
		const struct config_policy *from = &next->policies[i];

		memcpy(policy[i].name, from->name, sizeof(policy[i].name));
		policy[i].selector = from->selector;
		policy[i].action = action_of(from);
		policy[i].tunnel = tunnel_of(next, from);
	}
	ret = spd_build(policy, next->policies_n, gateway->dp->workers, SOCKET_ID_ANY, spd, err);
	free(policy);
	return ret;
}

static bool same_guarded(const struct config *a, const struct config *b)
{
	if (a->policies_n != b->policies_n)
		return false;
	for (unsigned i = 0; i < a->policies_n; i++) {
		const struct config_policy *p = &a->policies[i], *q = &b->policies[i];

		if (p->action != q->action || !selector_equal(&p->selector, &q->selector))
			return false;
	}
	return true;
}

// What is to be protected is guarded before workers know of it. Withdrawn policies stay guarded.
static int guard(struct gateway *gateway, const struct config *next, struct error *err)
{
	if (!gateway->guard_watch || same_guarded(gateway->config, next))
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
	struct sadb **sadb, struct spd **spd, struct error *err)
{
	int ret = reserve_keys(gateway, next, diff, err);

	if (ret < 0)
		return ret;
	ret = exchange_sadb(gateway, next, diff, sadb, err);
	if (ret < 0)
		return ret;
	ret = build_spd(gateway, next, diff, spd, err);
	if (ret == 0) {
		ret = live_lease(gateway, next, err);
		if (ret == 0)
			ret = guard(gateway, next, err);
		if (ret < 0)
			spd_free(*spd);
	}
	if (ret < 0)
		sadb_free(*sadb);
	return ret;
}

// Most policies follow each other as before.
static void carry_hits(const struct gateway *gateway, struct config *next)
{
	struct config *now = gateway->config;
	const struct spd *spd = atomic_load_explicit(&gateway->dp->spd, memory_order_acquire);
	unsigned behind = 0;

	if (now->policies_n != spd_policies(spd))
		return; // at start: nothing has been counted
	for (unsigned i = 0; i < next->policies_n; i++) {
		const char *name = next->policies[i].name;
		unsigned at = behind;

		if (at == now->policies_n || strcmp(now->policies[at].name, name) != 0)
			at = config_find_policy(now, name);
		if (at == now->policies_n)
			continue;
		next->policies[i].hits = now->policies[at].hits + spd_hits(spd, at);
		behind = at + 1;
	}
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
static struct sa_out *out_of(const struct config_tunnel *from)
{
	return from->has_out && !from->out.live->body->expired ? from->out.live->out : NULL;
}

static void exchange_tunnel(struct gateway *gateway, struct config_tunnel *from)
{
	struct tunnel *tunnel = from->live;
	struct sa_out *out = out_of(from);
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

// Where the policies are the same ones.
static void keep_hits(const struct config *now, struct config *next)
{
	for (unsigned i = 0; i < next->policies_n; i++)
		next->policies[i].hits = now->policies[i].hits;
}

static void exchange(struct gateway *gateway, struct config *next, const struct apply_diff *diff,
	struct sadb *sadb, struct spd *spd)
{
	const struct config *const named[] = {gateway->config};
	const bool guarded = spd != NULL || !same_guarded(gateway->config, next);

	if (sadb)
		dataplane_publish_sadb(gateway->dp, sadb);
	for (unsigned i = 0; i < diff->n; i++)
		exchange_tunnel(gateway, &next->tunnels[diff->tunnel[i]]);
	if (spd) {
		carry_hits(gateway, next);
		dataplane_publish_spd(gateway->dp, spd);
	} else {
		keep_hits(gateway->config, next);
	}
	publish_all(gateway, next, diff);
	replace(gateway, next);
	if (gateway->liveness)
		liveness_follow(gateway->liveness);
	// Tunnels that are gone have no policy any more; whoever still looks finds no SA.
	live_sweep(gateway, named, 1);
	about_path_set(gateway->dp, gateway->sa, gateway->sas);
	apply_tell(gateway, diff->ends, guarded);
}

int apply(struct gateway *gateway, struct config *next, struct error *err)
{
	const struct config *now = gateway->config == next ? NULL : gateway->config;
	struct apply_diff diff;
	struct sadb *sadb;
	struct spd *spd;
	int ret = apply_diff_make(now, next, &diff);

	if (ret < 0)
		return error_set(err, ENOMEM, "no memory to compare configurations");
	ret = build(gateway, next, &diff, &sadb, &spd, err);
	if (ret == 0)
		exchange(gateway, next, &diff, sadb, spd);
	apply_diff_free(&diff);
	return ret;
}

int apply_expiry(struct gateway *gateway, struct error *err)
{
	const struct config *config = gateway->config;
	struct sadb *sadb;
	int ret;

	for (unsigned i = 0; i < config->tunnels_n; i++)
		atomic_store_explicit(&config->tunnels[i].live->out, out_of(&config->tunnels[i]),
			memory_order_release);
	ret = build_sadb(gateway, config, &sadb, err);
	if (ret == 0)
		dataplane_publish_sadb(gateway->dp, sadb);
	return ret;
}
