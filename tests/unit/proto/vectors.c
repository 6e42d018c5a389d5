// Reading of the vector files under tests/vectors.
#include "vectors.h"

#include "unit.h"

#include <stdio.h>

json_t *vectors_load(const char *directory, const char *name)
{
	char path[4096];
	json_error_t error;
	json_t *root;

	assert_non_null(directory);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	root = json_load_file(path, 0, &error);
	if (root == NULL)
		fail_msg("%s:%d: %s", path, error.line, error.text);
	return root;
}

const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text == NULL)
		fail_msg("no text \"%s\"", key);
	return text;
}

// 64-bit numbers are decimal texts in these files.
uint64_t number_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value))
		return (uint64_t)json_integer_value(value);
	return strtoull(text_of(object, key), NULL, 10);
}

uint32_t octets_of(const json_t *object, const char *key, uint8_t *at, uint32_t room)
{
	const char *text = text_of(object, key);
	uint32_t n = (uint32_t)strlen(text) / 2;

	assert_true(n <= room && strlen(text) % 2 == 0);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(sscanf(text + 2 * i, "%2hhx", &at[i]), 1);
	return n;
}

enum aead_algorithm algorithm_of(const json_t *object)
{
	enum aead_algorithm algorithm = AEAD_ALGORITHMS;

	assert_int_equal(aead_by_name(text_of(object, "algorithm"), &algorithm), 0);
	return algorithm;
}

int verdict_by_name(const char *name)
{
	if (strcmp(name, "accept") == 0)
		return VERDICT_ACCEPT;
	for (int i = 1; i < DROP_REASONS; i++) {
		if (strcmp(name, drop_name((enum drop_reason)i)) == 0)
			return i;
	}
	return -1;
}

bool outer_addresses_are(const uint8_t *outer, const char *source, const char *destination)
{
	bool ipv6 = outer[0] >> 4 == 6;
	size_t octets = ipv6 ? 16 : 4;
	const uint8_t *at = outer + (ipv6 ? 8 : 12);
	struct ip_addr a;
	struct ip_addr b;

	assert_int_equal(ip_addr_parse(source, &a), 0);
	assert_int_equal(ip_addr_parse(destination, &b), 0);
	return memcmp(at, a.octets, octets) == 0 && memcmp(at + octets, b.octets, octets) == 0;
}
