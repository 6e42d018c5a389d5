// Tunnels are compared with those that had their numbers: of tunnels behind one that went all count
// as different. An SA that was moved is another one.
#include "ctl/apply_diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct sa *live_out(const struct config_tunnel *tunnel)
{
	return tunnel->has_out ? tunnel->out.live : NULL;
}

static bool same_inbound(const struct config_tunnel *a, const struct config_tunnel *b)
{
	if (a->in_n != b->in_n)
		return false;
	for (unsigned k = 0; k < a->in_n; k++)
		if (a->in[k].live != b->in[k].live)
			return false;
	return true;
}

static bool same_ends(const struct config_tunnel *a, const struct config_tunnel *b)
{
	return a->port == b->port && ip_addr_equal(&a->local, &b->local) &&
		ip_addr_equal(&a->remote, &b->remote);
}

static bool same(const struct config_tunnel *a, const struct config_tunnel *b)
{
	return a->live == b->live && a->mtu == b->mtu && a->tcp_mss == b->tcp_mss &&
		a->pmtu_discovery == b->pmtu_discovery && same_ends(a, b) &&
		live_out(a) == live_out(b) && same_inbound(a, b);
}

static bool is_at_ends(const struct config_tunnel *tunnel, const struct config_sa *sa)
{
	return ip_addr_equal(&sa->params.local, &tunnel->local) &&
		ip_addr_equal(&sa->params.remote, &tunnel->remote);
}

// No SA ends elsewhere than its tunnel.
static bool is_plain(const struct config_tunnel *tunnel)
{
	for (unsigned k = 0; k < tunnel->in_n; k++)
		if (!is_at_ends(tunnel, &tunnel->in[k]))
			return false;
	return !tunnel->has_out || is_at_ends(tunnel, &tunnel->out);
}

static bool has_inbound(const struct config_tunnel *tunnel, const struct sa *sa)
{
	for (unsigned k = 0; k < tunnel->in_n; k++)
		if (tunnel->in[k].live == sa)
			return true;
	return false;
}

static bool add_more(struct apply_diff *diff, struct sa_in *in)
{
	// Doubled where it is full.
	if ((diff->more_n & (diff->more_n - 1)) == 0) {
		size_t room = diff->more_n ? 2 * (size_t)diff->more_n : 1;
		struct sa_in **grown = reallocarray(diff->more, room, sizeof(grown[0]));

		if (!grown)
			return false;
		diff->more = grown;
	}
	diff->more[diff->more_n++] = in;
	return true;
}

// before: NULL where there was none.
static bool add_tunnel(struct apply_diff *diff, const struct config_tunnel *before,
	const struct config_tunnel *tunnel, unsigned number)
{
	diff->tunnel[diff->n++] = number;
	diff->ends |= !before || before->live != tunnel->live || !same_ends(before, tunnel) ||
		!is_plain(before) || !is_plain(tunnel);
	for (unsigned k = 0; before && k < before->in_n; k++)
		diff->gone |= !has_inbound(tunnel, before->in[k].live);
	for (unsigned k = 0; k < tunnel->in_n; k++)
		if ((!before || !has_inbound(before, tunnel->in[k].live)) &&
			!add_more(diff, tunnel->in[k].live->in))
			return false;
	return true;
}

static void add_gone(struct apply_diff *diff, const struct config *now, unsigned from)
{
	for (unsigned i = from; i < now->tunnels_n; i++) {
		diff->ends = true;
		diff->gone |= now->tunnels[i].in_n > 0;
	}
}

int apply_diff_make(const struct config *now, const struct config *next, struct apply_diff *diff)
{
	bool enough = true;

	*diff = (struct apply_diff){
		.ends = !now, .tunnel = calloc(next->tunnels_n + 1, sizeof(diff->tunnel[0]))};
	if (!diff->tunnel)
		return -ENOMEM;
	for (unsigned i = 0; i < next->tunnels_n && enough; i++) {
		const struct config_tunnel *tunnel = &next->tunnels[i];
		const struct config_tunnel *before =
			now && i < now->tunnels_n ? &now->tunnels[i] : NULL;

		if (!before || !same(before, tunnel))
			enough = add_tunnel(diff, before, tunnel, i);
	}
	if (now)
		add_gone(diff, now, next->tunnels_n);
	if (enough)
		return 0;
	apply_diff_free(diff);
	return -ENOMEM;
}

void apply_diff_free(struct apply_diff *diff)
{
	free(diff->tunnel);
	free(diff->more);
	*diff = (struct apply_diff){.n = 0};
}
