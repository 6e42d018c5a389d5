// Keys by their fingerprints: what is asked for, what is refused, and that a refusal registers
// none.
#include "ctl/key_register.h"

#include "ctl/gateway.h"
#include "ctl/journal_service.h"
#include "ctl/session.h"
#include "ctl/used_keys.h"

#include "log_lines.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ONE "00112233445566778899aabbccddeeff"
#define TWO "000000000000000000000000000000ff"

static struct config config = {.journal.file = "/var/lib/vped/journal"};
static struct gateway gateway = {.config = &config};
static struct session session = {
	.gateway = &gateway, .author = {.owner = OWNER_OPERATOR, .uid = 7, .pid = 8}};
static unsigned registered;
static uint8_t last[JOURNAL_FINGERPRINT_OCTETS];
static bool recorded; // what is asked for has its record
static int refusal;

int journal_service_register(struct journal_service *service, struct journal_registration *keys,
	unsigned n, bool *made, struct leases_usage *usage, struct error *err)
{
	assert_null(service);
	if (refusal < 0)
		return error_set(err, -refusal, "no room");
	for (unsigned i = 0; i < n; i++)
		keys[i].known = keys[i].ended = recorded || i == 0;
	memcpy(last, keys[n - 1].fingerprint, sizeof(last));
	registered += n;
	*made = true;
	*usage = (struct leases_usage){.records = 126, .used = 3};
	return 0;
}

bool journal_service_has(
	struct journal_service *service, const uint8_t fingerprint[FINGERPRINT_OCTETS])
{
	(void)service;
	(void)fingerprint;
	return recorded;
}

// Takes the arguments. NULL: refused, with these words.
static json_t *ask(json_t *arguments, const char *words)
{
	json_t *result = NULL;
	struct error err;
	int ret = key_register(&session, arguments, &result, &err);

	json_decref(arguments);
	if (!words) {
		assert_int_equal(ret, 0);
		return result;
	}
	assert_true(ret < 0);
	assert_null(result);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" says nothing of \"%s\"", err.text, words);
	return NULL;
}

static int start(void **state)
{
	(void)state;
	registered = 0;
	recorded = false;
	refusal = 0;
	owners_init(&gateway.owners);
	gateway.used_keys = used_keys_create(USED_KEYS_MAX);
	return gateway.used_keys ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	used_keys_destroy(gateway.used_keys);
	return 0;
}

static void registers(void **state)
{
	static const uint8_t two[JOURNAL_FINGERPRINT_OCTETS] = {[15] = 0xff};
	char text[256];
	json_t *result;
	json_t *expected = json_pack("{s:s, s:b, s:i, s:i, s:[{s:s, s:b, s:b}, {s:s, s:b, s:b}]}",
		"journal", "/var/lib/vped/journal", "journal_made", 1, "records", 126,
		"records_used", 3, "keys", "fingerprint", ONE, "new", 0, "ended", 1, "fingerprint",
		TWO, "new", 1, "ended", 0);

	(void)state;
	log_lines_begin();
	result = ask(json_pack("{s:s, s:[s, s]}", "journal", "/var/lib/vped/journal",
			     "fingerprints", ONE, TWO),
		NULL);
	log_lines_end(text, sizeof(text));
	assert_string_equal(text,
		"key_register_test: notice: control: operator (user 7, process 8): key-register: "
		"1 new, in a journal that was made for them\n");
	assert_int_equal(registered, 2);
	assert_memory_equal(last, two, sizeof(two));
	assert_true(json_equal(result, expected));
	json_decref(expected);
	json_decref(result);
}

static void takes_digits_of_either_case(void **state)
{
	static const uint8_t expected[JOURNAL_FINGERPRINT_OCTETS] = {[14] = 0xab, [15] = 0xcd};

	(void)state;
	json_decref(ask(
		json_pack("{s:[s]}", "fingerprints", "0000000000000000000000000000abCD"), NULL));
	assert_memory_equal(last, expected, sizeof(expected));
}

static void says_what_is_wrong(void **state)
{
	json_t *many = json_array();

	(void)state;
	ask(json_pack("{}"), "'fingerprints' has 0 elements; 1 to 1024 are wanted");
	for (unsigned i = 0; i < 1025; i++)
		json_array_append_new(many, json_string(ONE));
	ask(json_pack("{s:o}", "fingerprints", many), "has 1025 elements");
	ask(json_pack("{s:[s, s]}", "fingerprints", ONE, TWO "0"), "number 2 is no string of 32");
	ask(json_pack("{s:[s]}", "fingerprints", "0011223344556677-899aabbccddeeff"), "number 1");
	ask(json_pack("{s:[i]}", "fingerprints", 7), "number 1");
	ask(json_pack("{s:s, s:[s]}", "journal", "/tmp/journal", "fingerprints", ONE),
		"this daemon's journal is /var/lib/vped/journal, and /tmp/journal is another");
	refusal = -ENOSPC;
	ask(json_pack("{s:[s]}", "fingerprints", ONE), "no room");
	assert_int_equal(registered, 0);
}

// Its numbers were counted from the start, by nobody's record.
static void not_one_that_was_in_use(void **state)
{
	static const uint8_t two[FINGERPRINT_OCTETS] = {[15] = 0xff};

	(void)state;
	assert_int_equal(used_keys_add(gateway.used_keys, two), 0);
	ask(json_pack("{s:[s, s]}", "fingerprints", ONE, TWO), "key 2 was in use since");
	assert_int_equal(registered, 0);
	// Unless it has a record, behind which it went on.
	recorded = true;
	json_decref(ask(json_pack("{s:[s, s]}", "fingerprints", ONE, TWO), NULL));
	assert_int_equal(registered, 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(registers, start, stop),
		cmocka_unit_test_setup_teardown(takes_digits_of_either_case, start, stop),
		cmocka_unit_test_setup_teardown(says_what_is_wrong, start, stop),
		cmocka_unit_test_setup_teardown(not_one_that_was_in_use, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
