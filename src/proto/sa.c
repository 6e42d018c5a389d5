// Laying out the runtime parts of SAs in memory that the caller hands in.
#include "proto/sa.h"

#include "proto/proto.h"

#include <string.h>

static size_t out_drops_octets(const struct sa_workers *workers)
{
	return (size_t)workers->n * SA_OUT_DROPS_STRIDE * sizeof(uint64_t);
}

size_t sa_out_octets(const struct sa_workers *workers)
{
	return sizeof(struct sa_out) + workers->n * sizeof(struct sa_out_lane) +
		out_drops_octets(workers);
}

// Each lane is a counter of its own. Where the protocol has no Window ID they would all count in
// one space of nonces, so only the one encrypting worker has a lease.
bool sa_out_has_counter(const struct sa_out *sa, const struct sa_workers *workers, uint16_t worker)
{
	if (sa->owner != SA_NO_OWNER)
		return worker == sa->owner;
	return workers->encrypt_index[worker] != UINT16_MAX;
}

static void init_lanes(
	struct sa_out *sa, const struct sa_params *params, const struct sa_workers *workers)
{
	for (uint16_t i = 0; i < workers->n; i++) {
		struct sa_out_lane *lane = &sa->lane[i];

		lane->next = params->first;
		lane->without_lease = params->journaled ? DROP_lease_wait : DROP_seq_exhausted;
		if (!sa_out_has_counter(sa, workers, i))
			continue;
		if (!params->journaled)
			lane->lease_end = sa->proto->last_seq(params->esn) + 1;
		// Window 0 of Sender 0 would make the ID word zero.
		lane->window_id = workers->encrypt_index[i] + 1u;
	}
}

static void out_place(struct sa_out *sa, const struct sa_params *params, uint16_t path_mtu)
{
	sa->spi = params->spi;
	sa->sender_id = params->sender_id;
	sa->ipv6 = params->local.family == IP_V6;
	sa->remote = params->remote;
	sa_out_set_path_mtu(sa, path_mtu);
	outer_init(&sa->outer, &params->local, &params->remote, params->proto->ip_protocol,
		&params->class);
}

struct sa_out *sa_out_init(void *memory, const struct sa_params *params, const struct aead_key *key,
	const struct sa_workers *workers, uint16_t path_mtu)
{
	struct sa_out *sa = memory;

	memset(memory, 0, sa_out_octets(workers));
	sa->proto = params->proto;
	sa->key = key;
	sa->lane = (struct sa_out_lane *)(sa + 1);
	sa->drops = (uint64_t *)(sa->lane + workers->n);
	out_place(sa, params, path_mtu);
	sa->owner = params->proto->one_encryptor
		? workers->encrypt[params->spi % workers->encrypt_n]
		: SA_NO_OWNER;
	sa->lanes_used = sa->owner == SA_NO_OWNER ? workers->encrypt_n : 1;
	memcpy(sa->salt, params->salt, sizeof(sa->salt));
	sa->esn = params->esn;
	init_lanes(sa, params, workers);
	return sa;
}

struct sa_out *sa_out_move(void *memory, const struct sa_out *from, uint32_t header,
	const struct sa_params *params, uint16_t path_mtu)
{
	struct sa_out *sa = memory;

	memset(memory, 0, sizeof(*sa));
	sa->proto = from->proto;
	sa->key = from->key;
	sa->lane = from->lane;
	sa->drops = from->drops;
	sa->owner = from->owner;
	sa->lanes_used = from->lanes_used;
	memcpy(sa->salt, from->salt, sizeof(sa->salt));
	sa->esn = from->esn;
	sa->header = header;
	out_place(sa, params, path_mtu);
	return sa;
}

void sa_out_set_path_mtu(struct sa_out *sa, uint16_t path_mtu)
{
	atomic_store_explicit(
		&sa->max_inner, sa->proto->max_inner(sa->ipv6, path_mtu), memory_order_relaxed);
	atomic_store_explicit(&sa->path_mtu, path_mtu, memory_order_relaxed);
}

static size_t in_lanes_octets(const struct sa_workers *workers)
{
	return workers->n * sizeof(struct sa_in_lane);
}

size_t sa_in_octets(const struct sa_params *params, const struct sa_workers *workers)
{
	return sizeof(struct sa_in) + in_lanes_octets(workers) +
		window_table_octets(params->windows);
}

static void in_place(struct sa_in *sa, const struct sa_params *params, uint16_t tunnel)
{
	sa->spi = params->spi;
	sa->sender_id = params->sender_id;
	sa->tunnel = tunnel;
	sa->block = sa->proto->block == NULL ? -1 : sa->proto->block(params);
	sa->local = params->local;
	sa->remote = params->remote;
}

struct sa_in *sa_in_init(void *memory, const struct sa_params *params, const struct aead_key *key,
	const struct sa_workers *workers, uint16_t tunnel, struct window_pool *pool)
{
	struct sa_in *sa = memory;

	memset(memory, 0, sa_in_octets(params, workers));
	sa->proto = params->proto;
	sa->key = key;
	sa->lane = (struct sa_in_lane *)(sa + 1);
	sa->windows =
		(struct window_table *)(void *)((uint8_t *)sa->lane + in_lanes_octets(workers));
	window_table_init(sa->windows, params->windows, params->replay_window, params->journaled);
	sa->pool = pool;
	in_place(sa, params, tunnel);
	memcpy(sa->salt, params->salt, sizeof(sa->salt));
	sa->esn = params->esn;
	return sa;
}

struct sa_in *sa_in_move(
	void *memory, const struct sa_in *from, const struct sa_params *params, uint16_t tunnel)
{
	struct sa_in *sa = memory;

	memset(memory, 0, sizeof(*sa));
	sa->proto = from->proto;
	sa->key = from->key;
	sa->windows = from->windows;
	sa->pool = from->pool;
	sa->lane = from->lane;
	memcpy(sa->salt, from->salt, sizeof(sa->salt));
	sa->esn = from->esn;
	in_place(sa, params, tunnel);
	return sa;
}

void sa_in_fini(struct sa_in *sa)
{
	window_table_clear(sa->windows, sa->pool);
}
