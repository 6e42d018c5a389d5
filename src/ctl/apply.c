// Exchanging what is in force. Workers take up each table by itself, so their order matters:
// receivers first, then what is sent, then what is to be sent, and what goes is freed last.
#include "ctl/apply.h"

#include "base/log.h"
#include "ctl/host_guard_watch.h"
#include "ctl/live.h"
#include "ctl/liveness.h"
#include "ctl/path_mtu.h"
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
static bool has_moved(const struct config *next)
{
	for (unsigned i = 0; i < next->tunnels_n; i++) {
		const struct config_tunnel *tunnel = &next->tunnels[i];

		if (tunnel->has_out && !tunnel->out.live->published &&
			tunnel->out.live->body != tunnel->out.live)
			return true;
	}
	return false;
}

// NULL: the policies stay as they are.
static int build_spd(
	struct gateway *gateway, const struct config *next, struct spd **spd, struct error *err)
{
	struct policy *policy;
	int ret;

	*spd = NULL;
	if (gateway->changes && same_policies(gateway->config, next) && !has_moved(next))
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

static unsigned count_new(const struct config *config)
{
	unsigned n = 0;

	for (unsigned i = 0; i < config->tunnels_n; i++) {
		const struct config_tunnel *tunnel = &config->tunnels[i];

		n += tunnel->has_out && !tunnel->out.live->published;
		for (unsigned k = 0; k < tunnel->in_n; k++)
			n += !tunnel->in[k].live->published;
	}
	return n;
}

static int reserve_keys(struct gateway *gateway, const struct config *next, struct error *err)
{
	int ret = used_keys_reserve(gateway->used_keys, count_new(next));

	if (ret == -ENOSPC)
		return error_set(err, ENOSPC,
			"%zu keys were in use since the daemon started, and it remembers %u at "
			"most, so that none comes back; start it again to go on with new keys",
			used_keys_count(gateway->used_keys), USED_KEYS_MAX);
	return ret == 0 ? 0 : error_set(err, ENOMEM, "no memory to remember keys that are in use");
}

static int build(struct gateway *gateway, const struct config *next, struct sadb **sadb,
	struct spd **spd, struct error *err)
{
	int ret = reserve_keys(gateway, next, err);

	if (ret < 0)
		return ret;
	ret = build_sadb(gateway, next, sadb, err);
	if (ret < 0)
		return ret;
	ret = build_spd(gateway, next, spd, err);
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

// Most policies follow each other as before, so each is looked for behind the one found last.
static void carry_hits(const struct gateway *gateway, struct config *next)
{
	const struct config *now = gateway->config;
	const struct spd *spd = atomic_load_explicit(&gateway->dp->spd, memory_order_acquire);
	unsigned at = 0;

	if (now->policies_n != spd_policies(spd))
		return; // at start: nothing has been counted
	for (unsigned i = 0; i < next->policies_n; i++) {
		for (unsigned tries = 0; tries < now->policies_n; tries++, at++) {
			const struct config_policy *before = &now->policies[at % now->policies_n];

			if (strcmp(before->name, next->policies[i].name) != 0)
				continue;
			next->policies[i].hits = before->hits + spd_hits(spd, at % now->policies_n);
			at++;
			break;
		}
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

static void publish_all(struct gateway *gateway, const struct config *next)
{
	for (unsigned i = 0; i < next->tunnels_n; i++) {
		const struct config_tunnel *tunnel = &next->tunnels[i];

		if (tunnel->has_out)
			publish_sa(gateway, &tunnel->out);
		for (unsigned k = 0; k < tunnel->in_n; k++)
			publish_sa(gateway, &tunnel->in[k]);
	}
}

static int compare_local(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mirror_local));
}

static int compare_remote(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip_addr));
}

static unsigned unique(
	void *items, unsigned n, size_t octets, int (*compare)(const void *, const void *))
{
	uint8_t *at = items;
	unsigned kept = 0;

	qsort(items, n, octets, compare);
	for (unsigned i = 0; i < n; i++)
		if (kept == 0 || memcmp(at + (kept - 1) * octets, at + i * octets, octets) != 0)
			memmove(at + kept++ * octets, at + i * octets, octets);
	return kept;
}

int apply_ends(const struct config *config, struct mirror_local **local, unsigned *locals,
	struct ip_addr **remote, unsigned *remotes)
{
	size_t most = (size_t)config->tunnels_n * (2 + CONFIG_TUNNEL_INBOUND_MAX) + 1;

	*locals = 0;
	*remotes = 0;
	*local = calloc(most, sizeof(**local));
	*remote = calloc(most, sizeof(**remote));
	if (!*local || !*remote)
		return -ENOMEM;
	for (unsigned i = 0; i < config->tunnels_n; i++) {
		const struct config_tunnel *tunnel = &config->tunnels[i];
		uint8_t port = (uint8_t)tunnel->port;

		(*local)[(*locals)++] = (struct mirror_local){tunnel->local, port};
		(*remote)[(*remotes)++] = tunnel->remote;
		if (tunnel->has_out)
			(*remote)[(*remotes)++] = tunnel->out.params.remote;
		for (unsigned k = 0; k < tunnel->in_n; k++)
			(*local)[(*locals)++] =
				(struct mirror_local){tunnel->in[k].params.local, port};
	}
	*locals = unique(*local, *locals, sizeof(**local), compare_local);
	*remotes = unique(*remote, *remotes, sizeof(**remote), compare_remote);
	return 0;
}

int apply_protected(const struct config *config, struct ip_prefix **prefix, unsigned *n)
{
	*n = 0;
	*prefix = calloc(config->policies_n + 1, sizeof(**prefix));
	if (!*prefix)
		return -ENOMEM;
	for (unsigned i = 0; i < config->policies_n; i++) {
		const struct config_policy *policy = &config->policies[i];

		if (policy->action == POLICY_PROTECT && policy->selector.destination.length > 0)
			(*prefix)[(*n)++] = policy->selector.destination;
	}
	return 0;
}

static int tell_protected(struct gateway *gateway)
{
	struct ip_prefix *prefix;
	unsigned n;
	int ret;

	if (!gateway->mirror)
		return 0;
	ret = apply_protected(gateway->config, &prefix, &n);
	if (ret == 0)
		ret = mirror_set_protected(gateway->mirror, prefix, n);
	free(prefix);
	return ret;
}

// What fails here is made good by the next change; packets have their tables already.
static int tell_ends(struct gateway *gateway)
{
	struct mirror_local *local;
	struct ip_addr *remote;
	unsigned locals, remotes;
	int ret = apply_ends(gateway->config, &local, &locals, &remote, &remotes);

	if (ret == 0)
		dataplane_set_peers(gateway->dp, remote, remotes);
	if (ret == 0 && gateway->mirror)
		ret = mirror_set_ends(gateway->mirror, local, locals, remote, remotes);
	if (gateway->path_mtu) {
		int sorted = path_mtu_sort(gateway->path_mtu);

		ret = ret == 0 ? sorted : ret;
	}
	free(local);
	free(remote);
	return ret;
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

int apply(struct gateway *gateway, struct config *next, struct error *err)
{
	const struct config *const named[] = {gateway->config};
	struct sadb *sadb;
	struct spd *spd;
	int ret = build(gateway, next, &sadb, &spd, err);

	if (ret < 0)
		return ret;
	dataplane_publish_sadb(gateway->dp, sadb);
	for (unsigned i = 0; i < next->tunnels_n; i++)
		exchange_tunnel(gateway, &next->tunnels[i]);
	if (spd) {
		carry_hits(gateway, next);
		dataplane_publish_spd(gateway->dp, spd);
	}
	publish_all(gateway, next);
	replace(gateway, next);
	if (gateway->liveness)
		liveness_follow(gateway->liveness);
	// Tunnels that are gone have no policy any more; whoever still looks finds no SA.
	live_sweep(gateway, named, 1);
	about_path_set(gateway->dp, gateway->sa, gateway->sas);
	ret = tell_ends(gateway);
	if (tell_protected(gateway) < 0 || ret < 0)
		log_warning(
			"no memory to tell others of the ends of tunnels, or what is protected");
	return 0;
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
