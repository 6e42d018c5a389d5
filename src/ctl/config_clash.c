// What is new in a few tunnels, against all the others: a first look, which costs one pass and no
// memory.
#include "ctl/config_tables.h"
#include "proto/window.h"

// What others may have of a tunnel, or of an SA.
struct mark {
	const struct config_tunnel *tunnel;
	const struct config_sa *sa; // NULL: of the tunnel itself
	uint64_t key;
	int block; // of an inbound SA; -1: none
	int place;
};

static struct mark mark_of(const struct config_tunnel *tunnel, const struct config_sa *sa)
{
	return (struct mark){.tunnel = tunnel,
		.sa = sa,
		.key = sa_hash_of_key(sa),
		.block = sa->inbound ? sa_block(sa) : -1,
		.place = sa_place(sa)};
}

static bool same_spi(const struct config_sa *a, const struct config_sa *b)
{
	return a->params.spi == b->params.spi && a->inbound == b->inbound &&
		a->params.proto == b->params.proto &&
		(a->inbound ? ip_addr_equal(&a->params.local, &b->params.local)
			    : ip_addr_equal(&a->params.remote, &b->params.remote));
}

static bool sas_clash(const struct mark *a, const struct mark *b)
{
	if (a->key == b->key)
		return true;
	if (same_spi(a->sa, b->sa))
		return true;
	return a->place == b->place && (a->block < 0) != (b->block < 0) && a->sa->inbound &&
		b->sa->inbound;
}

static bool ends_clash(const struct config_tunnel *a, const struct config_tunnel *b)
{
	return ip_addr_equal(&a->remote, &b->local) || ip_addr_equal(&b->remote, &a->local);
}

static const struct config_sa *sa_at(const struct config_tunnel *tunnel, unsigned i)
{
	if (i < tunnel->in_n)
		return &tunnel->in[i];
	return i == tunnel->in_n && tunnel->has_out ? &tunnel->out : NULL;
}

// One pass over all: no table is made.
static bool clashes(const struct config *config, const struct mark *fresh, unsigned n)
{
	size_t windows = 0;

	for (unsigned i = 0; i < config->tunnels_n; i++) {
		const struct config_tunnel *tunnel = &config->tunnels[i];
		const struct config_sa *sa;

		for (unsigned k = 0; k < n; k++)
			if (!fresh[k].sa && ends_clash(tunnel, fresh[k].tunnel))
				return true;
		for (unsigned s = 0; (sa = sa_at(tunnel, s)) != NULL; s++) {
			struct mark mark = mark_of(tunnel, sa);

			windows += sa->inbound ? window_octets(sa->params.replay_window) : 0;
			for (unsigned k = 0; k < n; k++)
				if (fresh[k].sa && fresh[k].sa != sa && sas_clash(&fresh[k], &mark))
					return true;
		}
	}
	return windows > (size_t)config->replay_pool_kb * 1024;
}

bool tunnels_may_clash(const struct config *config, const unsigned *number, unsigned n)
{
	struct mark fresh[CONFIG_CHECK_TUNNELS * (CONFIG_TUNNEL_INBOUND_MAX + 2)];
	unsigned items = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct config_tunnel *tunnel = &config->tunnels[number[i]];
		const struct config_sa *sa;

		fresh[items++] = (struct mark){.tunnel = tunnel};
		for (unsigned s = 0; (sa = sa_at(tunnel, s)) != NULL; s++)
			fresh[items++] = mark_of(tunnel, sa);
	}
	return n > 0 && clashes(config, fresh, items);
}
