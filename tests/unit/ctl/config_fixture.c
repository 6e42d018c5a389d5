// A directory of its own for each test program, with keys that are new each time.
#include "config_fixture.h"

#include "base/secret.h"
#include "scratch.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

const struct proto_table fixture_protos = {.n = 2, .proto = {&vpe_ops, &esp_ops}};

static const struct {
	const char *name;
	size_t octets;
} keys[] = {
	{"16.key", 16},
	{"24.key", 24},
	{"20.key", 20},
	{"28.key", 28},
	{"32-1.key", 32},
	{"32-2.key", 32},
	{"32-3.key", 32},
	{"32-4.key", 32},
	{"36-1.key", 36},
	{"36-2.key", 36},
	{"36-3.key", 36},
	{"36-4.key", 36},
};

void fixture_write(const char *name, const void *text, size_t octets, unsigned mode)
{
	int fd;

	unlink(name);
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, octets), octets);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

char *fixture_read(const char *path, size_t *octets)
{
	FILE *file = fopen(path, "r");
	struct stat st;
	char *text;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &st), 0);
	text = calloc(1, (size_t)st.st_size + 1);
	assert_non_null(text);
	*octets = fread(text, 1, (size_t)st.st_size, file);
	assert_int_equal(*octets, st.st_size);
	fclose(file);
	return text;
}

void fixture_copy(const char *from, const char *name)
{
	size_t octets;
	char *text = fixture_read(from, &octets);

	fixture_write(name, text, octets, 0644);
	free(text);
}

int fixture_enter(void **state)
{
	char *path = malloc(SCRATCH_PATH);
	uint8_t key[64];
	size_t octets;
	char *text;

	if (!path || scratch_create("config", path) < 0 || chdir(path) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (secret_random(key, keys[i].octets) < 0)
			return -1;
		fixture_write(keys[i].name, key, keys[i].octets, 0600);
	}
	// The same cipher key as 32-1.key, as ESP has it, and with another salt.
	text = fixture_read("32-1.key", &octets);
	memcpy(key, text, octets);
	memset(key + octets, 0x55, 4);
	fixture_write("36-same.key", key, 36, 0600);
	fixture_write("same.key", text, octets, 0600);
	free(text);
	memset(key, 0, sizeof(key));
	fixture_write("zero.key", key, 32, 0600);
	fixture_write("open.key", "0123456789abcdef0123456789abcdef", 32, 0644);
	*state = path;
	return 0;
}

int fixture_leave(void **state)
{
	if (chdir("/") < 0)
		return -1;
	scratch_remove(*state);
	free(*state);
	return 0;
}

int fixture_load(const char *file, struct config **config, struct error *err)
{
	int ret;

	*err = (struct error){.text = ""};
	ret = config_load(file, &fixture_protos, &engines_all, config, err);
	assert_true(ret <= 0);
	if (ret < 0) {
		assert_null(*config);
		assert_true(strlen(err->text) > 0);
		fixture_assert_no_secret(err->text);
	}
	return ret;
}

struct config *fixture_load_text(const char *text)
{
	struct config *config;
	struct error err;

	fixture_write("test.conf", text, strlen(text), 0644);
	if (fixture_load("test.conf", &config, &err) < 0)
		fail_msg("%s", err.text);
	return config;
}

void fixture_refuse_text(const char *text, const char *expected)
{
	struct config *config;
	struct error err;

	fixture_write("test.conf", text, strlen(text), 0644);
	if (fixture_load("test.conf", &config, &err) == 0)
		fail_msg("accepted, but this was expected: %s", expected);
	if (strncmp(err.text, "test.conf:", 10) != 0 || !strstr(err.text + 10, expected))
		fail_msg("\"%s\" says nothing of \"%s\"", err.text, expected);
}

void fixture_assert_no_secret(const char *text)
{
	unsigned digits = 0;
	size_t octets;

	for (const char *at = text; *at; at++) {
		digits = isxdigit((unsigned char)*at) ? digits + 1 : 0;
		if (digits >= 16)
			fail_msg("an error repeats what may be a key: %s", text);
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char *key = fixture_read(keys[i].name, &octets);

		for (size_t k = 0; k + 8 <= octets; k++)
			assert_null(memmem(text, strlen(text), key + k, 8));
		free(key);
	}
}
