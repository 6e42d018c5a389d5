// Published vectors of tests/vectors/aead, read at run time.
#include "aead_vectors.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const files[] = {"gcm_specification.json", "gcm_esp_draft.json", "rfc7634.json",
	"rfc8439.json", "wycheproof_gcm.json", "wycheproof_chacha.json"};

static unsigned digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	assert_non_null(at);
	return (unsigned)(at - digits);
}

// Returns the number of octets.
static size_t read_hex(const json_t *vector, const char *member, uint8_t *octets, size_t max)
{
	const char *hex = json_string_value(json_object_get(vector, member));
	size_t length;

	assert_non_null(hex);
	length = strlen(hex) / 2;
	assert_int_equal(strlen(hex) % 2, 0);
	assert_true(length <= max);
	for (size_t i = 0; i < length; i++)
		octets[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
	return length;
}

static void read_vector(const json_t *json, struct aead_vector *vector)
{
	const char *algorithm = json_string_value(json_object_get(json, "algorithm"));

	vector->name = json_string_value(json_object_get(json, "name"));
	assert_non_null(vector->name);
	assert_non_null(algorithm);
	assert_int_equal(aead_by_name(algorithm, &vector->algorithm), 0);
	assert_int_equal(read_hex(json, "key", vector->key, sizeof(vector->key)),
		aead_key_octets(vector->algorithm));
	assert_int_equal(read_hex(json, "nonce", vector->nonce, sizeof(vector->nonce)),
		sizeof(vector->nonce));
	assert_int_equal(
		read_hex(json, "tag", vector->tag, sizeof(vector->tag)), sizeof(vector->tag));
	vector->aad_octets = (uint8_t)read_hex(json, "aad", vector->aad, sizeof(vector->aad));
	vector->octets =
		(uint32_t)read_hex(json, "plaintext", vector->plaintext, sizeof(vector->plaintext));
	assert_int_equal(
		read_hex(json, "ciphertext", vector->ciphertext, sizeof(vector->ciphertext)),
		vector->octets);
}

static unsigned each_of_file(
	const char *root, const char *file, aead_vector_visit *visit, void *arg)
{
	struct aead_vector vector = {.file = file};
	json_error_t error;
	char path[4096];
	json_t *json, *item;
	size_t i, n;

	snprintf(path, sizeof(path), "%s/aead/%s", root, file);
	json = json_load_file(path, 0, &error);
	if (!json)
		fail_msg("%s:%d: %s", path, error.line, error.text);
	assert_non_null(json_string_value(json_object_get(json, "source")));
	n = json_array_size(json_object_get(json, "vectors"));
	assert_true(n > 0);
	json_array_foreach(json_object_get(json, "vectors"), i, item)
	{
		read_vector(item, &vector);
		visit(&vector, arg);
	}
	json_decref(json);
	return (unsigned)n;
}

unsigned aead_vectors_each(const char *root, aead_vector_visit *visit, void *arg)
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		n += each_of_file(root, files[i], visit, arg);
	return n;
}
