// Packets written octet by octet, apart from the code under test, and pictures of the receiver's
// state.
#include "fixture.h"

#include "unit.h"

static uint32_t write_outer(
	const struct rig *rig, uint8_t traffic_class, uint32_t payload, uint8_t *outer)
{
	const struct sa_params *p = &rig->params;

	memset(outer, 0, rig_l4(rig));
	if (rig->scheme.ipv6) {
		write_be(outer, 6u << 28 | (uint32_t)traffic_class << 20 | 0xabcde, 4);
		write_be(outer + 4, payload, 2);
		outer[6] = 50;
		outer[7] = 61;
		memcpy(outer + 8, p->remote.octets, 16);
		memcpy(outer + 24, p->local.octets, 16);
		return 40;
	}
	outer[0] = 0x45;
	outer[1] = traffic_class;
	write_be(outer + 2, 20 + payload, 2);
	outer[8] = 61;
	outer[9] = 50;
	memcpy(outer + 12, p->remote.octets, 4);
	memcpy(outer + 16, p->local.octets, 4);
	write_be(outer + 10, slow_checksum(outer, 20, 10), 2);
	return 20;
}

static void seal(struct rig *rig, struct aead_op op)
{
	op.key = rig->key;
	aead_seal_burst(rig->ctx, &op, 1);
}

static uint32_t forge_vpe(struct rig *rig, const struct forgery *f, uint64_t seq,
	const uint8_t *plaintext, uint32_t octets, uint8_t *vpe)
{
	uint16_t window_id = f->window_id == 0 && !f->window_zero ? 1 : f->window_id;

	write_le(vpe, f->sender_id, 2);
	write_le(vpe + 2, window_id, 2);
	write_le(vpe + 4, seq, 8);
	write_le(vpe + 12, rig->params.spi, 4);
	memcpy(vpe + 32, plaintext, octets);
	seal(rig,
		(struct aead_op){
			.nonce = vpe, .data = vpe + 32, .octets = octets, .tag = vpe + 16});
	return 32 + octets;
}

static uint32_t forge_esp(
	struct rig *rig, uint64_t seq, const uint8_t *plaintext, uint32_t octets, uint8_t *esp)
{
	uint8_t nonce[12];
	uint8_t aad[12];

	write_be(esp, rig->params.spi, 4);
	write_be(esp + 4, seq, 4);
	// Not the number, so that nothing can lean on the two being equal.
	write_be(esp + 8, ~seq, 8);
	memcpy(nonce, rig->params.salt, 4);
	memcpy(nonce + 4, esp + 8, 8);
	write_be(aad, rig->params.spi, 4);
	write_be(aad + 4, seq, rig->scheme.esn ? 8 : 4);
	memcpy(esp + 16, plaintext, octets);
	seal(rig,
		(struct aead_op){.nonce = nonce,
			.aad = aad,
			.aad_octets = rig->scheme.esn ? 12 : 8,
			.data = esp + 16,
			.octets = octets,
			.tag = esp + 16 + octets});
	return 32 + octets;
}

uint32_t rig_forge(struct rig *rig, const struct forgery *forgery, const uint8_t *plaintext,
	uint32_t octets, uint8_t *outer)
{
	uint64_t seq = forgery->seq == 0 && !forgery->seq_zero ? 1 : forgery->seq;
	uint16_t l4 = rig_l4(rig);
	uint32_t payload;

	if (rig->scheme.proto == &vpe_ops)
		payload = forge_vpe(rig, forgery, seq, plaintext, octets, outer + l4);
	else
		payload = forge_esp(rig, seq, plaintext, octets, outer + l4);
	return write_outer(rig, forgery->traffic_class, payload, outer) + payload;
}

static void fill_payload(uint8_t *at, uint32_t octets, uint64_t seed)
{
	for (uint32_t i = 0; i < octets; i++)
		at[i] = (uint8_t)(seed * 131 + octets + i * 7 + (i >> 8));
}

void make_ipv4(uint8_t *at, uint32_t octets, uint8_t traffic_class, uint64_t seed)
{
	memset(at, 0, 20);
	at[0] = 0x45;
	at[1] = traffic_class;
	write_be(at + 2, octets, 2);
	write_be(at + 4, seed, 2);
	at[8] = 63;
	at[9] = 17;
	memcpy(at + 12, (const uint8_t[]){10, 1, 0, 10, 10, 2, 0, 20}, 8);
	write_be(at + 10, slow_checksum(at, 20, 10), 2);
	fill_payload(at + 20, octets - 20, seed);
}

void make_ipv6(uint8_t *at, uint32_t octets, uint8_t traffic_class, uint64_t seed)
{
	memset(at, 0, 40);
	write_be(at, 6u << 28 | (uint32_t)traffic_class << 20 | 0x12345, 4);
	write_be(at + 4, octets - 40, 2);
	at[6] = 17;
	at[7] = 63;
	memcpy(at + 8, (const uint8_t[]){0x20, 1, 0xd, 0xb8, 0, 0xa}, 6);
	memcpy(at + 24, (const uint8_t[]){0x20, 1, 0xd, 0xb8, 0, 0xb}, 6);
	fill_payload(at + 40, octets - 40, seed);
}

uint32_t add_trailer(uint8_t *plaintext, uint32_t octets, uint8_t next_header)
{
	uint8_t pad = 0;

	while ((octets + 2) % 4 != 0)
		plaintext[octets++] = ++pad;
	plaintext[octets++] = pad;
	plaintext[octets++] = next_header;
	return octets;
}

static size_t table_octets(const struct rig *rig)
{
	return window_table_octets(rig->params.windows);
}

static void picture(const struct rig *rig, uint8_t *at)
{
	const struct window_table *table = rig->in->windows;

	memcpy(at, table, table_octets(rig));
	at += table_octets(rig);
	memcpy(at, &rig->pool, sizeof(rig->pool));
	at += sizeof(rig->pool);
	memcpy(at, rig->pool_memory, rig->pool_octets);
	for (uint32_t i = 0; i <= table->mask; i++) {
		struct replay_window *w = atomic_load(&table->slot[i].window);

		if (w == NULL)
			continue;
		memset(at + ((uint8_t *)&w->old - (uint8_t *)rig->pool_memory), 0, 8);
		memset(at + ((uint8_t *)&w->seen - (uint8_t *)rig->pool_memory), 0, 8);
	}
}

struct snapshot snapshot_take(const struct rig *rig)
{
	struct snapshot s = {.octets = table_octets(rig) + sizeof(rig->pool) + rig->pool_octets};

	s.memory = malloc(s.octets);
	assert_non_null(s.memory);
	picture(rig, s.memory);
	return s;
}

bool snapshot_same(struct snapshot *snapshot, const struct rig *rig)
{
	struct snapshot now = snapshot_take(rig);
	bool same = memcmp(snapshot->memory, now.memory, now.octets) == 0;

	free(now.memory);
	free(snapshot->memory);
	snapshot->memory = NULL;
	return same;
}
