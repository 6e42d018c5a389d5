// VPE against the vectors of another implementation (tests/vectors/vpe): every packet, with every
// engine, and the packets that we would send ourselves.
#include "unit.h"

#include "vectors.h"

static json_t *document;

struct vector {
	const json_t *row;
	const char *name;
	const char *verdict;
	const json_t *sa;
	uint8_t key[AEAD_KEY_MAX];
	uint8_t outer[2048];
	uint8_t plaintext[2048];
	uint8_t inner[2048];
	uint32_t outer_octets;
	uint32_t plaintext_octets;
	uint32_t inner_octets; // 0: null
	struct scheme scheme;
};

static void read_vector(const json_t *row, struct vector *v)
{
	memset(v, 0, sizeof(*v));
	v->row = row;
	v->name = text_of(row, "name");
	v->verdict = text_of(row, "verdict");
	v->sa = json_object_get(row, "sa");
	v->outer_octets = octets_of(row, "outer_packet", v->outer, sizeof(v->outer));
	v->plaintext_octets = octets_of(row, "plaintext", v->plaintext, sizeof(v->plaintext));
	if (json_is_string(json_object_get(row, "inner_datagram")))
		v->inner_octets = octets_of(row, "inner_datagram", v->inner, sizeof(v->inner));
	v->scheme = (struct scheme){
		.proto = &vpe_ops,
		.algorithm = algorithm_of(row),
		.ipv6 = v->outer[0] >> 4 == 6,
	};
	assert_int_equal(octets_of(row, "key", v->key, sizeof(v->key)),
		aead_key_octets(v->scheme.algorithm));
}

static void open_receiver(struct rig *rig, const struct vector *v, const char *engine)
{
	rig_open(rig, v->scheme,
		&(struct rig_options){
			.engine = engine,
			.key = v->key,
			.spi = (uint32_t)number_of(v->sa, "spi"),
			.sender_id = (uint16_t)number_of(v->sa, "sender_id"),
			.local = text_of(v->sa, "local"),
			.remote = text_of(v->sa, "remote"),
		});
}

// What is decided before and behind the protocol: the SA by its SPI, its addresses, its selectors.
static bool not_the_protocols(struct rig *rig, const struct vector *v)
{
	const uint8_t *header = v->outer + rig_l4(rig);

	if (strcmp(v->verdict, "runt") != 0)
		assert_int_equal(proto_spi(&vpe_ops, header) != rig->params.spi,
			strcmp(v->verdict, "no_sa") == 0);
	assert_int_equal(
		outer_addresses_are(v->outer, text_of(v->sa, "remote"), text_of(v->sa, "local")),
		strcmp(v->verdict, "sa_outer_address") != 0);
	return strcmp(v->verdict, "no_sa") == 0 || strcmp(v->verdict, "sa_outer_address") == 0;
}

static void receive_vector(const struct vector *v, const char *engine)
{
	static struct rig rig;
	int right = verdict_by_name(v->verdict);
	const uint8_t *datagram = v->inner_octets > 0 ? v->inner : v->plaintext;
	uint32_t octets = v->inner_octets > 0 ? v->inner_octets : v->plaintext_octets;
	uint16_t verdict;

	if (right < 0)
		fail_msg("%s: no drop reason \"%s\"", v->name, v->verdict);
	if (right == DROP_selector_mismatch)
		right = VERDICT_ACCEPT;
	open_receiver(&rig, v, engine);
	if (!not_the_protocols(&rig, v)) {
		verdict = rig_receive(&rig, 0, v->outer, v->outer_octets);
		if (verdict != right)
			fail_msg("%s: %s", v->name, drop_name((enum drop_reason)verdict));
		if (right == VERDICT_ACCEPT) {
			assert_int_equal(rig.outcome.octets, octets);
			assert_memory_equal(rig.outcome.datagram, datagram, octets);
		}
		// Authentic ones have taken a window, whatever came then.
		assert_int_equal(atomic_load(&rig.in->windows->used),
			right == VERDICT_ACCEPT || right > DROP_icv_failed);
	}
	rig_close(&rig);
}

static void receives_all(void **state)
{
	const json_t *rows = json_object_get(document, "vectors");
	unsigned accepted = 0;
	unsigned dropped = 0;
	size_t i;
	json_t *row;

	(void)state;
	json_array_foreach(rows, i, row)
	{
		struct vector v;

		read_vector(row, &v);
		receive_vector(&v, "auto");
		receive_vector(&v, "openssl");
		accepted += strcmp(v.verdict, "accept") == 0;
		dropped += strcmp(v.verdict, "accept") != 0;
	}
	assert_true(accepted >= 10 && dropped >= 20);
}

// Unpadded and with the outer class a copy: that is how we send.
static bool sent_by_us(const struct vector *v)
{
	uint8_t outer_class = v->scheme.ipv6 ? (uint8_t)(read_be16(v->outer) >> 4) : v->outer[1];
	uint8_t inner_class =
		v->inner[0] >> 4 == 6 ? (uint8_t)(read_be16(v->inner) >> 4) : v->inner[1];

	return v->inner_octets > 0 && v->inner_octets == v->plaintext_octets &&
		memcmp(v->inner, v->plaintext, v->inner_octets) == 0 && outer_class == inner_class;
}

static void send_vector(const struct vector *v)
{
	static struct rig rig;
	static uint8_t outer[PACKET_MAX];
	uint32_t octets;
	uint8_t right[2048];

	rig_open(&rig, v->scheme,
		&(struct rig_options){
			.key = v->key,
			.spi = (uint32_t)number_of(v->row, "spi"),
			.sender_id = (uint16_t)number_of(v->row, "sender_id"),
			.local = text_of(v->sa, "remote"),
			.remote = text_of(v->sa, "local"),
			.first = number_of(v->row, "sequence"),
		});
	rig.out->lane[1].window_id = (uint32_t)number_of(v->row, "window_id");
	octets = rig_send(&rig, 1, v->inner, v->inner_octets, outer);
	memcpy(right, v->outer, v->outer_octets);
	// A sender's choice.
	if (v->scheme.ipv6)
		memcpy(right + 1, outer + 1, 3);
	assert_int_equal(octets, v->outer_octets);
	assert_memory_equal(outer, right, octets);
	rig_close(&rig);
}

static void sends_the_same(void **state)
{
	unsigned sent = 0;
	size_t i;
	json_t *row;

	(void)state;
	json_array_foreach(json_object_get(document, "vectors"), i, row)
	{
		struct vector v;

		read_vector(row, &v);
		if (!sent_by_us(&v))
			continue;
		send_vector(&v);
		sent++;
	}
	assert_true(sent >= 4);
}

static void replay_step(struct rig *rig, const json_t *step, const char *name)
{
	static uint8_t outer[PACKET_MAX];
	uint64_t seq = number_of(step, "sequence");
	uint8_t inner[40];
	uint32_t octets;
	uint16_t verdict;

	make_ipv4(inner, sizeof(inner), 0, seq);
	octets = rig_forge(rig, &(struct forgery){.seq = seq}, inner, sizeof(inner), outer);
	verdict = rig_receive(rig, 0, outer, octets);
	if (verdict != verdict_by_name(text_of(step, "verdict")))
		fail_msg("%s: %s: %s", name, text_of(step, "sequence"),
			drop_name((enum drop_reason)verdict));
}

static void replay_sequences(void **state)
{
	static struct rig rig;
	const json_t *rows = json_object_get(document, "replay");
	size_t i;
	json_t *row;

	(void)state;
	assert_true(json_array_size(rows) >= 4);
	json_array_foreach(rows, i, row)
	{
		size_t j;
		json_t *step;

		rig_open(&rig, scheme_at(0),
			&(struct rig_options){.replay_window = (uint32_t)number_of(row, "window")});
		json_array_foreach(json_object_get(row, "steps"), j, step)
			replay_step(&rig, step, text_of(row, "name"));
		rig_close(&rig);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(receives_all),
		cmocka_unit_test(sends_the_same),
		cmocka_unit_test(replay_sequences),
	};
	int failed;

	document = vectors_load(argc > 1 ? argv[1] : NULL, "vpe/packets.json");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(document);
	return failed;
}
