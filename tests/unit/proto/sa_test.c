// The runtime parts of SAs: memory of exactly the size asked for, what is filled in, what
// parameters the protocols refuse.
#include "unit.h"

#include "fixture.h"
#include "proto/sa.h"

// Four workers, of which 1 and 3 encrypt.
static const uint16_t encrypt_index[] = {UINT16_MAX, 0, UINT16_MAX, 1};
static const uint16_t encrypt[] = {1, 3};
static const struct sa_workers workers = {
	.n = 4, .encrypt_n = 2, .encrypt_index = encrypt_index, .encrypt = encrypt};

static struct sa_params params_of(const struct proto_ops *proto, bool ipv6)
{
	struct sa_params p = {
		.proto = proto,
		.spi = 0xc0000001,
		.salt = {1, 2, 3, 4},
		.replay_window = 1000,
		.windows = 5,
		.first = 77,
	};

	assert_int_equal(ip_addr_parse(ipv6 ? "2001:db8::1" : "192.0.2.1", &p.local), 0);
	assert_int_equal(ip_addr_parse(ipv6 ? "2001:db8::2" : "192.0.2.2", &p.remote), 0);
	return p;
}

static void *lines_of(size_t octets)
{
	void *memory;

	assert_int_equal(octets % CACHE_LINE, 0);
	memory = aligned_alloc(CACHE_LINE, octets);
	assert_non_null(memory);
	memset(memory, 0xee, octets);
	return memory;
}

static void assert_line(const void *p)
{
	assert_int_equal((uintptr_t)p % CACHE_LINE, 0);
}

static void outbound(void **state)
{
	static const struct aead_key key;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		const struct proto_ops *proto = i % 2 ? &esp_ops : &vpe_ops;
		struct sa_params p = params_of(proto, i / 2);
		size_t octets = sa_out_octets(&workers);
		struct sa_out *sa = sa_out_init(lines_of(octets), &p, &key, &workers, 1500);

		assert_ptr_equal(sa->proto, proto);
		assert_ptr_equal(sa->key, &key);
		assert_int_equal(sa->spi, p.spi);
		assert_memory_equal(sa->salt, p.salt, sizeof(p.salt));
		assert_int_equal(sa->ipv6, i / 2);
		assert_int_equal(sa->max_inner, proto->max_inner(sa->ipv6, 1500));
		assert_line(&sa->outer);
		for (uint16_t w = 0; w < workers.n; w++) {
			assert_line(&sa->lane[w]);
			assert_int_equal(sa->lane[w].next, 77);
			// A worker that does not encrypt has a lease of nothing; nor has, without
			// Window IDs, any but the one that encrypts.
			bool leased = sa->owner == SA_NO_OWNER ? encrypt_index[w] != UINT16_MAX
							       : w == sa->owner;

			assert_true(
				sa->lane[w].lease_end == (leased ? proto->last_seq(false) + 1 : 0));
			assert_int_equal(sa->lane[w].packets + sa->lane[w].octets, 0);
			assert_line(sa_out_drops(sa, w));
			for (unsigned d = 0; d < DROP_SA_END; d++)
				assert_int_equal(sa_out_drops(sa, w)[d], 0);
		}
		if (sa->owner == SA_NO_OWNER) {
			assert_int_equal(sa->lane[1].window_id, 1);
			assert_int_equal(sa->lane[3].window_id, 2);
		}
		// The last counter is the last of the memory.
		assert_true((uint8_t *)(sa_out_drops(sa, 3) + SA_OUT_DROPS_STRIDE) ==
			(uint8_t *)sa + octets);
		assert_true((uint8_t *)(sa->lane + workers.n) <= (uint8_t *)sa_out_drops(sa, 0));
		free(sa);
	}
}

static void esp_has_no_block(void **state)
{
	struct sa_params p = params_of(&esp_ops, false);
	uint8_t memory[64] __attribute__((aligned(CACHE_LINE)));
	struct window_pool pool;
	struct sa_in *sa;

	(void)state;
	window_pool_init(&pool, memory, sizeof(memory));
	sa = sa_in_init(lines_of(sa_in_octets(&p, &workers)), &p, NULL, &workers, 0, &pool);
	assert_int_equal(sa->block, -1);
	sa_in_fini(sa);
	free(sa);
}

// One of the encrypting workers, and not the same for all SPIs.
static void esp_has_one_encryptor(void **state)
{
	bool met[4] = {false};

	(void)state;
	for (uint32_t spi = 256; spi < 300; spi++) {
		struct sa_params p = params_of(&esp_ops, false);
		struct sa_out *sa;

		p.spi = spi;
		sa = sa_out_init(lines_of(sa_out_octets(&workers)), &p, NULL, &workers, 1500);
		assert_true(sa->owner == 1 || sa->owner == 3);
		met[sa->owner] = true;
		free(sa);
		p = params_of(&vpe_ops, false);
		sa = sa_out_init(lines_of(sa_out_octets(&workers)), &p, NULL, &workers, 1500);
		assert_int_equal(sa->owner, SA_NO_OWNER);
		free(sa);
	}
	assert_true(met[1] && met[3]);
}

static void inbound(void **state)
{
	static const struct aead_key key;
	static uint8_t memory[65536] __attribute__((aligned(CACHE_LINE)));
	struct window_pool pool;

	(void)state;
	window_pool_init(&pool, memory, sizeof(memory));
	for (uint32_t windows = 1; windows < 70; windows += 4) {
		struct sa_params p = params_of(&vpe_ops, windows % 2);
		struct window_slot *slot;
		struct sa_in *sa;
		size_t octets;

		p.windows = windows;
		p.sender_id = 3;
		octets = sa_in_octets(&p, &workers);
		sa = sa_in_init(lines_of(octets), &p, &key, &workers, 9, &pool);
		assert_ptr_equal(sa->proto, &vpe_ops);
		assert_ptr_equal(sa->key, &key);
		assert_ptr_equal(sa->pool, &pool);
		assert_int_equal(sa->tunnel, 9);
		assert_int_equal(sa->spi, p.spi);
		assert_int_equal(sa->sender_id, 3);
		assert_int_equal(sa->block, 0x0300);
		assert_memory_equal(sa->salt, p.salt, sizeof(p.salt));
		assert_true(ip_addr_equal(&sa->local, &p.local));
		assert_true(ip_addr_equal(&sa->remote, &p.remote));
		assert_true(atomic_load(&sa->windows->told_top) == 0);
		assert_line(&sa->windows->told_top);
		assert_int_equal(sa->windows->max, windows);
		assert_int_equal(sa->windows->window_size, 1000);
		for (uint16_t w = 0; w < workers.n; w++) {
			assert_line(&sa->lane[w]);
			assert_int_equal(sa->lane[w].packets + sa->lane[w].octets +
					sa->lane[w].handed_over +
					sa->lane[w].drops[DROP_SA_END - 1],
				0);
		}
		assert_true((uint8_t *)(sa->lane + workers.n) <= (uint8_t *)sa->windows);
		assert_true((uint8_t *)sa->windows + window_table_octets(windows) <=
			(uint8_t *)sa + octets);
		for (uint32_t id = 1; id <= windows; id++)
			assert_int_equal(
				window_claim(sa->windows, &pool, id << 16, 0, &slot), DROP_NONE);
		assert_int_equal(window_claim(sa->windows, &pool, 99 << 16, 0, &slot),
			DROP_window_table_full);
		sa_in_fini(sa);
		assert_int_equal(window_pool_used(&pool), 0);
		free(sa);
	}
}

static int check(
	const struct proto_ops *proto, bool is_inbound, uint32_t spi, uint16_t sender_id, bool esn)
{
	struct sa_params p = params_of(proto, false);
	struct error err = {""};
	int ret;

	p.spi = spi;
	p.sender_id = sender_id;
	p.esn = esn;
	ret = proto->check(&p, is_inbound, &err);
	assert_int_equal(ret == 0, err.text[0] == '\0');
	return ret;
}

static void refused_parameters(void **state)
{
	(void)state;
	for (unsigned is_inbound = 0; is_inbound < 2; is_inbound++) {
		assert_true(check(&vpe_ops, is_inbound, 0, 0, false) < 0);
		assert_int_equal(check(&vpe_ops, is_inbound, 1, 0, false), 0);
		assert_int_equal(check(&vpe_ops, is_inbound, UINT32_MAX, 0, false), 0);
		assert_true(check(&vpe_ops, is_inbound, 1, 0, true) < 0);
		for (uint32_t sender = 0; sender < 65536; sender++) {
			bool allowed = (sender & 0xff) < 0xc0 || (sender & 0xff) > 0xcf;

			assert_int_equal(
				check(&vpe_ops, is_inbound, 1, (uint16_t)sender, false) == 0,
				allowed);
		}
		assert_true(check(&esp_ops, is_inbound, 0, 0, false) < 0);
		assert_true(check(&esp_ops, is_inbound, 255, 0, false) < 0);
		assert_int_equal(check(&esp_ops, is_inbound, 0x10000, 0, true), 0);
		assert_int_equal(check(&esp_ops, is_inbound, UINT32_MAX, 0, false), 0);
		assert_true(check(&esp_ops, is_inbound, 0x10000, 1, false) < 0);
	}
	assert_int_equal(check(&esp_ops, false, 256, 0, false), 0);
	assert_true(check(&esp_ops, true, 0xffff, 0, false) < 0);
}

// Section 7 of docs/vpe-protocol.md: value(S, W) >> 16.
static void blocks(void **state)
{
	struct sa_params p = params_of(&vpe_ops, false);

	(void)state;
	for (uint32_t s = 0; s < 65536; s++) {
		uint8_t wire[4] = {(uint8_t)s, (uint8_t)(s >> 8), 0x34, 0x12};

		p.sender_id = (uint16_t)s;
		assert_int_equal(vpe_ops.block(&p), read_be16(wire));
	}
	assert_null(esp_ops.block);
	assert_true(esp_ops.default_claim);
	assert_false(vpe_ops.default_claim);
}

static uint64_t at_ns(uint64_t seconds, uint64_t ns)
{
	return seconds * 1000000000 + ns;
}

// Section 8: (unix time - 1767225600) x 2^30, and at least 1.
static void first_numbers(void **state)
{
	(void)state;
	assert_int_equal(vpe_ops.first_seq(0), 1);
	assert_int_equal(vpe_ops.first_seq(at_ns(1767225599, 999999999)), 1);
	assert_int_equal(vpe_ops.first_seq(at_ns(1767225600, 0)), 1);
	assert_true(vpe_ops.first_seq(at_ns(1767225601, 0)) == (UINT64_C(1) << 30) + 1);
	assert_true(vpe_ops.first_seq(at_ns(1767225600, 500000000)) == (UINT64_C(1) << 29) + 1);
	assert_true(vpe_ops.first_seq(at_ns(1767225600, 999999999)) <= UINT64_C(1) << 30);
	assert_true(
		vpe_ops.first_seq(at_ns(1767225600 + 86400, 0)) == UINT64_C(92771293593600) + 1);
	assert_int_equal(esp_ops.first_seq(at_ns(1767225600 + 86400, 0)), 1);
	assert_true(vpe_ops.last_seq(false) == UINT64_MAX - 1);
	assert_true(esp_ops.last_seq(false) == UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outbound),
		cmocka_unit_test(esp_has_one_encryptor),
		cmocka_unit_test(inbound),
		cmocka_unit_test(esp_has_no_block),
		cmocka_unit_test(refused_parameters),
		cmocka_unit_test(blocks),
		cmocka_unit_test(first_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
