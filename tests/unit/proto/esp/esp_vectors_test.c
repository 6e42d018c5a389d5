// ESP against packets of scapy and of Python's cryptography (tests/vectors/esp): every packet, with
// every engine, and the packets that we would send ourselves.
#include "unit.h"

#include "vectors.h"

static json_t *document;

struct vector {
	const json_t *row;
	const char *name;
	const char *verdict;
	uint64_t seq;
	uint8_t key[AEAD_KEY_MAX];
	uint8_t salt[SA_SALT_OCTETS];
	uint8_t outer[2048];
	uint8_t inner[2048];
	uint8_t plaintext[2048];
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
	v->seq = number_of(row, "sequence");
	v->outer_octets = octets_of(row, "outer_packet", v->outer, sizeof(v->outer));
	v->plaintext_octets = octets_of(row, "plaintext", v->plaintext, sizeof(v->plaintext));
	if (json_is_string(json_object_get(row, "inner_datagram")))
		v->inner_octets = octets_of(row, "inner_datagram", v->inner, sizeof(v->inner));
	v->scheme = (struct scheme){
		.proto = &esp_ops,
		.algorithm = algorithm_of(row),
		.esn = json_is_true(json_object_get(row, "esn")),
		.ipv6 = v->outer[0] >> 4 == 6,
	};
	assert_int_equal(octets_of(row, "key", v->key, sizeof(v->key)),
		aead_key_octets(v->scheme.algorithm));
	assert_int_equal(octets_of(row, "salt", v->salt, sizeof(v->salt)), SA_SALT_OCTETS);
}

static struct rig_options options_of(const struct vector *v, const char *engine)
{
	return (struct rig_options){
		.engine = engine,
		.key = v->key,
		.salt = v->salt,
		.spi = (uint32_t)number_of(v->row, "spi"),
		.first = v->seq,
	};
}

// The number of a packet is used where it is authentic, whatever is inside.
static bool authentic(uint16_t verdict)
{
	return verdict == VERDICT_ACCEPT || verdict > DROP_replay_seen;
}

static void receive_vector(const struct vector *v, const char *engine)
{
	static struct rig rig;
	struct rig_options options = options_of(v, engine);
	int right = verdict_by_name(v->verdict);
	bool counted = right != DROP_esp_length && authentic((uint16_t)right);
	uint16_t verdict;

	rig_open(&rig, v->scheme, &options);
	atomic_store(&rig.in->windows->told_top, number_of(v->row, "top"));
	verdict = rig_receive(&rig, 0, v->outer, v->outer_octets);
	if (right < 0 || verdict != right)
		fail_msg("%s: %s", v->name, drop_name((enum drop_reason)verdict));
	if (right == VERDICT_ACCEPT) {
		assert_int_equal(rig.outcome.octets, v->inner_octets);
		assert_memory_equal(rig.outcome.datagram, v->inner, v->inner_octets);
	}
	assert_int_equal(atomic_load(&rig.in->windows->used), counted);
	if (counted) {
		assert_true(atomic_load(&window_find(rig.in->windows, 1)->window)->top == v->seq);
		assert_int_equal(rig_receive(&rig, 0, v->outer, v->outer_octets), DROP_replay_seen);
	}
	rig_close(&rig);
}

static void receives_all(void **state)
{
	unsigned accepted = 0;
	unsigned dropped = 0;
	size_t i;
	json_t *row;

	(void)state;
	json_array_foreach(json_object_get(document, "packets"), i, row)
	{
		struct vector v;

		read_vector(row, &v);
		receive_vector(&v, "auto");
		receive_vector(&v, "openssl");
		accepted += strcmp(v.verdict, "accept") == 0;
		dropped += strcmp(v.verdict, "accept") != 0;
	}
	assert_true(accepted >= 50 && dropped >= 30);
}

// Least padding, our IV, the outer class a copy: that is how we send.
static bool sent_by_us(const struct vector *v)
{
	uint8_t outer_class = v->scheme.ipv6 ? (uint8_t)(read_be16(v->outer) >> 4) : v->outer[1];
	uint8_t inner_class =
		v->inner[0] >> 4 == 6 ? (uint8_t)(read_be16(v->inner) >> 4) : v->inner[1];

	return v->inner_octets > 0 && json_is_true(json_object_get(v->row, "iv_is_sequence")) &&
		v->plaintext_octets < v->inner_octets + 6 && outer_class == inner_class &&
		memcmp(v->plaintext, v->inner, v->inner_octets) == 0;
}

static void send_vector(const struct vector *v)
{
	static struct rig rig;
	static uint8_t outer[PACKET_MAX];
	struct rig_options options = options_of(v, "auto");
	uint8_t right[2048];
	uint32_t octets;

	options.local = v->scheme.ipv6 ? "2001:db8:1::1" : "192.0.2.1";
	options.remote = v->scheme.ipv6 ? "2001:db8:2::1" : "198.51.100.1";
	rig_open(&rig, v->scheme, &options);
	octets = rig_send(&rig, 0, v->inner, v->inner_octets, outer);
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
	json_array_foreach(json_object_get(document, "packets"), i, row)
	{
		struct vector v;

		read_vector(row, &v);
		if (!sent_by_us(&v))
			continue;
		send_vector(&v);
		sent++;
	}
	assert_true(sent >= 40);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(receives_all),
		cmocka_unit_test(sends_the_same),
	};
	int failed;

	document = vectors_load(argc > 1 ? argv[1] : NULL, "esp/packets.json");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(document);
	return failed;
}
