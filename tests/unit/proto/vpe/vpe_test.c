// VPE by hand: header octets, the order of its checks, fill packets, padding, windows of an SA, the
// end of the numbers, buffers without room.
#include "unit.h"

#include "fixture.h"

static struct rig rig;
static uint8_t outer[PACKET_MAX];

static uint16_t receive(const struct forgery *forgery, const uint8_t *plaintext, uint32_t octets)
{
	return rig_receive(&rig, 0, outer, rig_forge(&rig, forgery, plaintext, octets, outer));
}

// Section 3.1 of docs/vpe-protocol.md.
static void header_octets(void **state)
{
	static const uint8_t right[16] = {0x07, 0x01, 0x02, 0x00, 0x18, 0x17, 0x16, 0x15, 0x14,
		0x13, 0x12, 0x11, 0xa4, 0xa3, 0xa2, 0xa1};
	uint8_t inner[64];

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		rig_open(&rig, scheme_at(i),
			&(struct rig_options){.spi = 0xa1a2a3a4,
				.sender_id = 0x0107,
				.first = UINT64_C(0x1112131415161718)});
		make_ipv4(inner, 64, 0, 0);
		rig_send(&rig, 1, inner, 64, outer);
		assert_memory_equal(outer + rig_l4(&rig), right, sizeof(right));
		assert_int_equal(rig.out->lane[1].next, UINT64_C(0x1112131415161719));
		assert_int_equal(proto_spi(&vpe_ops, outer + rig_l4(&rig)), 0xa1a2a3a4);
		rig_close(&rig);
	}
}

// The flow label is that of the window, whatever the packet.
static void flow_label_is_the_windows(void **state)
{
	uint8_t inner[64];
	uint8_t label[RIG_WORKERS][3];

	(void)state;
	rig_open(&rig, scheme_at(4), NULL);
	for (uint16_t i = 0; i < 3 * RIG_WORKERS; i++) {
		uint16_t worker = i % RIG_WORKERS;

		make_ipv6(inner, 60, 0, i);
		rig_send(&rig, worker, inner, 60, outer);
		if (i >= RIG_WORKERS)
			assert_memory_equal(label[worker], outer + 1, 3);
		memcpy(label[worker], outer + 1, 3);
		for (uint16_t j = 0; j < worker && j < i; j++)
			assert_memory_not_equal(label[j], label[worker], 3);
	}
	rig_close(&rig);
}

// Each row is wrong in all that follows too: the first reason is given.
static void order_of_checks(void **state)
{
	static const struct {
		struct forgery forgery;
		uint32_t octets;
		uint16_t right;
	} rows[] = {
		{{.window_zero = true, .seq_zero = true, .sender_id = 0}, 0, DROP_runt},
		{{.window_zero = true, .seq_zero = true}, 1, DROP_vpe_id_zero},
		{{.window_zero = true, .seq = UINT64_MAX}, 1, DROP_vpe_id_zero},
		{{.sender_id = 5, .window_zero = true, .seq_zero = true}, 1, DROP_seq_zero},
		{{.sender_id = 5, .seq = UINT64_MAX}, 1, DROP_seq_max},
		{{.sender_id = 5, .seq = UINT64_MAX - 1}, 1, DROP_sender_unknown},
		{{.sender_id = 0x100, .seq = 1}, 1, DROP_sender_unknown},
		{{.seq = 1}, 1, DROP_icv_failed},
		{{.seq = UINT64_MAX - 1}, 1, DROP_icv_failed},
	};
	static const uint8_t plaintext[1] = {0x10};

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		uint32_t octets;
		struct snapshot before;

		rig_open(&rig, scheme_at(i % 8), NULL);
		before = snapshot_take(&rig);
		octets = rig_forge(&rig, &rows[i].forgery, plaintext, rows[i].octets, outer);
		outer[rig_l4(&rig) + 16] ^= 1;
		assert_int_equal(rig_receive(&rig, 0, outer, octets), rows[i].right);
		if (rows[i].right != DROP_icv_failed)
			assert_int_equal(rig.batch.n, 0);
		assert_true(snapshot_same(&before, &rig));
		rig_close(&rig);
	}
}

static void fill_packets(void **state)
{
	static uint8_t plaintext[200];
	struct replay_window *w;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		rig_open(&rig, scheme_at(i), NULL);
		for (uint32_t octets = 1; octets <= 200; octets++) {
			memset(plaintext + 1, octets % 2 ? 0 : 0x45, sizeof(plaintext) - 1);
			assert_int_equal(
				receive(&(struct forgery){.seq = octets}, plaintext, octets),
				DROP_fill);
			assert_int_equal(
				receive(&(struct forgery){.seq = octets}, plaintext, octets),
				DROP_replay_seen);
		}
		w = atomic_load(&window_find(rig.in->windows, 1 << 16)->window);
		assert_int_equal(w->accepted, 200);
		assert_int_equal(w->top, 200);
		rig_close(&rig);
	}
}

static void handed_over_fill(void **state)
{
	static const uint8_t plaintext[40];

	(void)state;
	rig_open(&rig, scheme_at(0), NULL);
	assert_int_equal(receive(&(struct forgery){.seq = 1}, plaintext, 40), DROP_fill);
	rig_arrive(&rig, outer, rig_forge(&rig, &(struct forgery){.seq = 2}, plaintext, 40, outer));
	rig_decap(&rig, 1);
	rig_finish(&rig, 1);
	assert_int_equal(rig.burst.verdict[0], VERDICT_OWNER | 0);
	rig_commit(&rig, 0);
	assert_int_equal(rig.burst.verdict[0], DROP_fill);
	rig_close(&rig);
}

static void first_octets(void **state)
{
	uint8_t plaintext[64];

	(void)state;
	rig_open(&rig, scheme_at(2), NULL);
	for (unsigned first = 0; first < 256; first++) {
		uint16_t right = DROP_inner_version;

		memset(plaintext, 0, sizeof(plaintext));
		plaintext[0] = (uint8_t)first;
		if (first == 0)
			right = DROP_fill;
		else if (first >> 4 == 4)
			right = first < 0x45 ? DROP_inner_ihl : DROP_inner_length_short;
		else if (first >> 4 == 6)
			right = DROP_inner_jumbogram;
		assert_int_equal(
			receive(&(struct forgery){.seq = first + 1}, plaintext, 64), right);
		// Its number is used, whatever was inside.
		assert_int_equal(receive(&(struct forgery){.seq = first + 1}, plaintext, 64),
			DROP_replay_seen);
	}
	rig_close(&rig);
}

static void padding(void **state)
{
	uint8_t plaintext[400];

	(void)state;
	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		rig_open(&rig, scheme_at(ipv6 * 4), NULL);
		for (uint32_t more = 0; more <= 300; more++) {
			memset(plaintext, more % 2 ? 0xa5 : 0, sizeof(plaintext));
			(ipv6 ? make_ipv6 : make_ipv4)(plaintext, 77, 0, more);
			assert_int_equal(
				receive(&(struct forgery){.seq = more + 1}, plaintext, 77 + more),
				VERDICT_ACCEPT);
			assert_int_equal(rig.outcome.octets, 77);
			assert_memory_equal(rig.outcome.datagram, plaintext, 77);
		}
		rig_close(&rig);
	}
}

static void windows_of_an_sa(void **state)
{
	uint8_t inner[40];

	(void)state;
	rig_open(&rig, scheme_at(0), &(struct rig_options){.windows = 3});
	make_ipv4(inner, 40, 0, 0);
	for (uint16_t id = 1; id <= 3; id++)
		assert_int_equal(receive(&(struct forgery){.seq = 9, .window_id = id}, inner, 40),
			VERDICT_ACCEPT);
	for (uint16_t id = 4; id <= 9; id++)
		assert_int_equal(receive(&(struct forgery){.seq = 9, .window_id = id}, inner, 40),
			DROP_window_table_full);
	// Nothing was evicted, and the windows count apart.
	for (uint16_t id = 1; id <= 3; id++) {
		assert_int_equal(receive(&(struct forgery){.seq = 9, .window_id = id}, inner, 40),
			DROP_replay_seen);
		assert_int_equal(
			receive(&(struct forgery){.seq = 9u + id, .window_id = id}, inner, 40),
			VERDICT_ACCEPT);
		assert_int_equal(
			receive(&(struct forgery){.seq = 100u * id, .window_id = id}, inner, 40),
			VERDICT_ACCEPT);
	}
	assert_int_equal(
		receive(&(struct forgery){.seq = 101, .window_id = 1}, inner, 40), VERDICT_ACCEPT);
	assert_int_equal(window_pool_used(&rig.pool), 3 * window_octets(64));
	rig_close(&rig);
}

// Windows of one SA in one burst, owned by different workers.
static void burst_of_many_windows(void **state)
{
	uint8_t inner[40];

	(void)state;
	rig_open(&rig, scheme_at(0), NULL);
	make_ipv4(inner, 40, 0, 0);
	for (uint16_t id = 1; id <= 6; id++) {
		rig_arrive(&rig, outer,
			rig_forge(&rig, &(struct forgery){.seq = 5, .window_id = id}, inner, 40,
				outer));
		rig_decap(&rig, id % 3);
		rig_finish(&rig, id % 3);
		burst_drop(&rig.burst);
	}
	for (uint16_t id = 1; id <= 6; id++)
		rig_arrive(&rig, outer,
			rig_forge(&rig, &(struct forgery){.seq = 5u + (id > 3), .window_id = id},
				inner, 40, outer));
	rig_decap(&rig, 1);
	assert_int_equal(rig.batch.n, 5);
	rig_finish(&rig, 1);
	assert_int_equal(rig.burst.verdict[0], DROP_replay_seen);
	assert_int_equal(rig.burst.verdict[1], VERDICT_OWNER | 2);
	assert_int_equal(rig.burst.verdict[2], VERDICT_OWNER | 0);
	assert_int_equal(rig.burst.verdict[3], VERDICT_ACCEPT);
	assert_int_equal(rig.burst.verdict[4], VERDICT_OWNER | 2);
	assert_int_equal(rig.burst.verdict[5], VERDICT_OWNER | 0);
	rig_close(&rig);
}

// A Sender ID that is not zero may have Window 0.
static void sender_with_window_zero(void **state)
{
	uint8_t inner[40];

	(void)state;
	rig_open(&rig, scheme_at(0), &(struct rig_options){.sender_id = 0x107});
	make_ipv4(inner, 40, 0, 0);
	assert_int_equal(
		receive(&(struct forgery){.sender_id = 0x107, .window_zero = true}, inner, 40),
		VERDICT_ACCEPT);
	assert_int_equal(receive(&(struct forgery){.sender_id = 0x107, .window_id = 9}, inner, 40),
		VERDICT_ACCEPT);
	assert_int_equal(
		receive(&(struct forgery){.window_id = 9}, inner, 40), DROP_sender_unknown);
	assert_int_equal(receive(&(struct forgery){.sender_id = 0x701, .window_id = 9}, inner, 40),
		DROP_sender_unknown);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_octets),
		cmocka_unit_test(flow_label_is_the_windows),
		cmocka_unit_test(order_of_checks),
		cmocka_unit_test(fill_packets),
		cmocka_unit_test(handed_over_fill),
		cmocka_unit_test(first_octets),
		cmocka_unit_test(padding),
		cmocka_unit_test(windows_of_an_sa),
		cmocka_unit_test(burst_of_many_windows),
		cmocka_unit_test(sender_with_window_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
