// What must hold between the SAs of all tunnels: keys, SPIs, the split between protocols, room for
// replay windows.
#include "ctl/config_tables.h"
#include "proto/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// All SAs, and some of them.
struct sas {
	const void **all;
	const void **some;
	unsigned n;
};

static int collect(struct reader *reader, struct sas *sas)
{
	const struct config *config = reader->config;
	size_t most = (size_t)config->tunnels_n * (1 + CONFIG_TUNNEL_INBOUND_MAX) + 2;

	*sas = (struct sas){
		.all = calloc(most, sizeof(void *)), .some = calloc(most, sizeof(void *))};
	if (!sas->all || !sas->some)
		return reader_fail(reader, 1, ENOMEM, "no memory");
	for (unsigned i = 0; i < config->tunnels_n; i++) {
		const struct config_tunnel *tunnel = &config->tunnels[i];

		if (tunnel->has_out)
			sas->all[sas->n++] = &tunnel->out;
		for (unsigned k = 0; k < tunnel->in_n; k++)
			sas->all[sas->n++] = &tunnel->in[k];
	}
	return 0;
}

// The SAs lie in their tunnels.
static const struct config_tunnel *tunnel_of(const struct reader *reader, const void *sa)
{
	size_t offset = (size_t)((const uint8_t *)sa - (const uint8_t *)reader->config->tunnels);

	return &reader->config->tunnels[offset / sizeof(struct config_tunnel)];
}

static bool is_inbound(const struct reader *reader, const void *sa)
{
	return sa != &tunnel_of(reader, sa)->out;
}

static int by_key(const void *a, const void *b)
{
	const struct config_sa *left = a, *right = b;

	return memcmp(left->fingerprint, right->fingerprint, FINGERPRINT_OCTETS);
}

// A fingerprint is its own hash.
uint64_t sa_hash_of_key(const void *item)
{
	uint64_t hash;

	memcpy(&hash, ((const struct config_sa *)item)->fingerprint, sizeof(hash));
	return hash;
}

// A nonce must not meet a key twice, and VPE's SPI is not authenticated: a key belongs to one SA.
static int check_keys(struct reader *reader, struct sas *sas)
{
	const struct config_sa *earlier, *later;
	char where[WHERE_TEXT];

	if (!find_twins(sas->all, sas->n, sa_hash_of_key, by_key))
		return 0;
	earlier = sas->all[0];
	later = sas->all[1];
	return reader_fail(reader, later->line, EINVAL,
		"this SA of tunnel '%s' has the key of an SA of tunnel '%s' (%s); each SA and "
		"direction needs a key of its own",
		tunnel_of(reader, later)->name, tunnel_of(reader, earlier)->name,
		reader_where(reader, later->line, earlier->line, where));
}

static int compare_spi(const struct config_sa *left, const struct config_sa *right)
{
	if (left->params.proto != right->params.proto)
		return left->params.proto < right->params.proto ? -1 : 1;
	if (left->params.spi != right->params.spi)
		return left->params.spi < right->params.spi ? -1 : 1;
	return 0;
}

static int by_spi(const void *a, const void *b)
{
	const struct config_sa *left = a, *right = b;
	int order = compare_spi(left, right);

	if (order != 0)
		return order;
	return memcmp(&left->params.local, &right->params.local, sizeof(left->params.local));
}

static int by_spi_out(const void *a, const void *b)
{
	const struct config_sa *left = a, *right = b;
	int order = compare_spi(left, right);

	if (order != 0)
		return order;
	return memcmp(&left->params.remote, &right->params.remote, sizeof(left->params.remote));
}

static uint64_t hash_of_local(const void *item)
{
	const struct sa_params *params = &((const struct config_sa *)item)->params;

	return twin_hash_addr(&params->local, params->spi);
}

static uint64_t hash_of_remote(const void *item)
{
	const struct sa_params *params = &((const struct config_sa *)item)->params;

	return twin_hash_addr(&params->remote, params->spi);
}

// The peer finds its SA by the SPI: of two it can have only one.
static int check_spis_out(struct reader *reader, struct sas *sas)
{
	const struct config_sa *earlier, *later;
	char where[WHERE_TEXT];
	unsigned n = 0;

	for (unsigned i = 0; i < sas->n; i++)
		if (!is_inbound(reader, sas->all[i]))
			sas->some[n++] = sas->all[i];
	if (!find_twins(sas->some, n, hash_of_remote, by_spi_out))
		return 0;
	earlier = sas->some[0];
	later = sas->some[1];
	return reader_fail(reader, later->line, EINVAL,
		"outbound %s SPI 0x%x to this remote address is tunnel '%s's already (%s); take "
		"another",
		later->params.proto->name, later->params.spi, tunnel_of(reader, earlier)->name,
		reader_where(reader, later->line, earlier->line, where));
}

static int check_spis(struct reader *reader, struct sas *sas)
{
	const struct config_sa *earlier, *later;
	char where[WHERE_TEXT];
	unsigned n = 0;

	for (unsigned i = 0; i < sas->n; i++)
		if (is_inbound(reader, sas->all[i]))
			sas->some[n++] = sas->all[i];
	if (!find_twins(sas->some, n, hash_of_local, by_spi))
		return 0;
	earlier = sas->some[0];
	later = sas->some[1];
	return reader_fail(reader, later->line, EINVAL,
		"inbound %s SPI 0x%x is taken at this local address by tunnel '%s' (%s); take "
		"another",
		later->params.proto->name, later->params.spi, tunnel_of(reader, earlier)->name,
		reader_where(reader, later->line, earlier->line, where));
}

int sa_block(const struct config_sa *sa)
{
	return sa->params.proto->block ? sa->params.proto->block(&sa->params) : -1;
}

int sa_place(const struct config_sa *sa)
{
	int block = sa_block(sa);

	return block >= 0 ? block : (int)(sa->params.spi >> 16);
}

static int by_place(const void *a, const void *b)
{
	int left = sa_place(a), right = sa_place(b);

	return (left > right) - (left < right);
}

static int by_place_of_items(const void *a, const void *b)
{
	return by_place(*(const void *const *)a, *(const void *const *)b);
}

// Protocols that share an IP protocol are told apart by the first word alone (docs/vpe-protocol.md
// section 7): an SPI must not lie where another protocol's packets do, at whatever address.
static int check_blocks(struct reader *reader, struct sas *sas)
{
	char where[WHERE_TEXT];
	unsigned n = 0;

	for (unsigned i = 0; i < sas->n; i++)
		if (is_inbound(reader, sas->all[i]) && sa_block(sas->all[i]) >= 0)
			sas->some[n++] = sas->all[i];
	qsort(sas->some, n, sizeof(*sas->some), by_place_of_items);
	for (unsigned i = 0; i < sas->n; i++) {
		const struct config_sa *sa = sas->all[i], *owner;
		const void *const *found;
		uint32_t block;

		if (!is_inbound(reader, sa) || sa_block(sa) >= 0)
			continue;
		found = bsearch(&sas->all[i], sas->some, n, sizeof(*sas->some), by_place_of_items);
		if (!found)
			continue;
		owner = *found;
		block = (uint32_t)sa_block(owner) << 16;
		return reader_fail(reader, sa->line, EINVAL,
			"spi 0x%x lies in the block 0x%08x to 0x%08x of sender_id %u, which tunnel "
			"'%s' receives (%s); take one outside, 0xc0000000 to 0xcfffffff are free",
			sa->params.spi, block, block | 0xffff, owner->params.sender_id,
			tunnel_of(reader, owner)->name,
			reader_where(reader, sa->line, owner->line, where));
	}
	return 0;
}

static int check_replay_pool(struct reader *reader, const struct sas *sas)
{
	const config_setting_t *replay =
		reader->root ? config_setting_get_member(reader->root, "replay") : NULL;
	const config_setting_t *pool = replay ? config_setting_get_member(replay, "pool_kb") : NULL;
	size_t needed = 0;

	for (unsigned i = 0; i < sas->n; i++) {
		const struct config_sa *sa = sas->all[i];

		if (is_inbound(reader, sa))
			needed += window_octets(sa->params.replay_window);
	}
	if (needed <= (size_t)reader->config->replay_pool_kb * 1024)
		return 0;
	return setting_fail(reader, pool ? pool : reader->root,
		"replay.pool_kb is %u; one replay window for each inbound SA alone takes %zu",
		reader->config->replay_pool_kb, (needed + 1023) / 1024);
}

int check_tunnels(struct reader *reader)
{
	struct sas sas;
	int ret = check_tunnel_names(reader);

	if (ret == 0)
		ret = check_tunnel_ends(reader);
	if (ret < 0)
		return ret;
	ret = collect(reader, &sas);
	if (ret == 0)
		ret = check_spis(reader, &sas);
	if (ret == 0)
		ret = check_spis_out(reader, &sas);
	if (ret == 0)
		ret = check_blocks(reader, &sas);
	if (ret == 0)
		ret = check_replay_pool(reader, &sas);
	if (ret == 0)
		ret = check_keys(reader, &sas);
	free(sas.some);
	free(sas.all);
	return ret;
}
