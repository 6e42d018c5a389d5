// Key files: what they may hold, who may read them, and what is said of those that are refused.
#include "base/keyfile.h"

#include "base/secret.h"
#include "config_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t octets[36] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
	0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x0a, 0x20, 0x0d, 0x09, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06,
	0x07, 0x08, 0x09, 0x0b, 0x0c, 0x20, 0xf1, 0xf2, 0xf3, 0xf4};
#define HEX_32 "00112233445566778899aabbccddeeff0a200d090102030405060708090b0c20"
#define HEX_36 HEX_32 "f1f2f3f4"

static int read_key(const char *name, size_t key, size_t salt, struct error *err)
{
	uint8_t *found = NULL, found_salt[4] = {0};
	int ret;

	*err = (struct error){.text = ""};
	ret = keyfile_read(name, key, salt, &found, found_salt, err);
	if (ret < 0) {
		assert_null(found);
		assert_non_null(strstr(err->text, name));
		fixture_assert_no_secret(err->text);
		return ret;
	}
	assert_non_null(found);
	assert_memory_equal(found, octets, key);
	assert_memory_equal(found_salt, octets + key, salt);
	secret_free(found);
	return 0;
}

static void refuse(const char *name, size_t key, size_t salt, const char *words)
{
	struct error err;

	if (read_key(name, key, salt, &err) == 0)
		fail_msg("%s was accepted, \"%s\" was expected", name, words);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" says nothing of \"%s\"", err.text, words);
}

static void accepted(void **state)
{
	static const struct {
		const char *text;
		size_t length, key, salt;
	} good[] = {
		{(const char *)octets, 16, 16, 0},
		{(const char *)octets, 24, 24, 0},
		{(const char *)octets, 32, 32, 0},
		{(const char *)octets, 36, 32, 4},
		{(const char *)octets, 20, 16, 0}, // replaced below: 16 of key and 4 of salt
		{HEX_32, 64, 32, 0},
		{HEX_32 "\n", 65, 32, 0},
		{"  \t" HEX_32 " \r\n\n", 71, 32, 0},
		{"0x" HEX_32 "\n", 67, 32, 0},
		{"0X" HEX_36, 74, 32, 4},
		{"00112233445566778899AABBCCDDEEFF", 32, 16, 0},
		{"00112233445566778899aAbBcCdDeEfF0A200D09\n", 41, 16, 4},
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		size_t salt = good[i].length == 20 ? 4 : good[i].salt;

		fixture_write("key", good[i].text, good[i].length, 0600);
		if (read_key("key", good[i].key, salt, &err) < 0)
			fail_msg("%zu: %s", i, err.text);
	}
}

static void wrong_content(void **state)
{
	static const struct {
		const char *text;
		size_t length, key, salt;
		const char *words;
	} bad[] = {
		{"", 0, 32, 0, "holds 0 octets; 32 octets are wanted, raw or as 64 hex digits"},
		{"\n", 1, 32, 0, "holds 1 octets"},
		{(const char *)octets, 31, 32, 0, "holds 31 octets"},
		{(const char *)octets, 33, 32, 0, "holds 33 octets"},
		{(const char *)octets, 32, 32, 4,
			"holds 32 octets; 36 octets (32 of key and 4 of salt) are wanted"},
		{(const char *)octets, 36, 32, 0, "holds 36 octets; 32 octets are wanted"},
		// Hex digits are never raw octets.
		{HEX_32, 32, 32, 0, "holds 32 hex digits; 64 digits for 32 octets are wanted"},
		{HEX_36, 36, 32, 4, "holds 36 hex digits; 72 digits for 36 octets (32 of key"},
		{HEX_32, 63, 32, 0, "holds 63 hex digits"},
		{HEX_36, 72, 32, 0, "holds 72 hex digits"},
		{HEX_32 "\nx", 66, 32, 0, "holds 66 octets"},
		{HEX_32 "\n# key of site b\n", 81, 32, 0, "holds 81 octets"},
		{HEX_32 "\0", 65, 32, 0, "holds 65 octets"},
		{"0011223344556677\0008899aabbccddeeff", 33, 16, 0, "holds 33 octets"},
		{"0x", 2, 16, 0, "holds 2 octets"},
		{"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff", 47, 16, 0, "holds 47 octets"},
		{"00000000000000000000000000000000", 32, 16, 0, "is all zeros"},
		{"0000000000000000000000000000000001020304", 40, 16, 4, "is all zeros"},
	};
	char large[2000];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		fixture_write("key", bad[i].text, bad[i].length, 0600);
		refuse("key", bad[i].key, bad[i].salt, bad[i].words);
	}
	memset(large, 'a', sizeof(large));
	fixture_write("key", large, sizeof(large), 0600);
	refuse("key", 32, 0, "has more than 1024 octets");
}

static void modes(void **state)
{
	static const unsigned good[] = {0600, 0400};
	static const unsigned bad[] = {
		0640, 0604, 0620, 0660, 0644, 0666, 0610, 0601, 0700, 04600, 02600, 01600, 0777};
	struct error err;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		fixture_write("key", octets, 32, good[i]);
		assert_int_equal(read_key("key", 32, 0, &err), 0);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		char words[64];

		fixture_write("key", octets, 32, bad[i]);
		snprintf(words, sizeof(words), "mode %04o; others must not read it: chmod 600 key",
			bad[i]);
		refuse("key", 32, 0, words);
	}
}

static void owners(void **state)
{
	(void)state;
	fixture_write("key", octets, 32, 0600);
	if (geteuid() != 0 || chown("key", 12345, (gid_t)-1) < 0) {
		print_message("skipped: only root gives files away\n");
		return;
	}
	refuse("key", 32, 0, "belongs to user 12345; it must belong to root or to user 0");
}

// What an access control list for one user looks like: the group's bits are the list's mask.
static void credentials(void **state)
{
	char path[256], directory[128];
	struct error err;

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: credentials are root's\n");
		return;
	}
	assert_non_null(getcwd(directory, sizeof(directory)));
	snprintf(path, sizeof(path), "%s/key", directory);
	fixture_write("key", octets, 32, 0440);
	refuse(path, 32, 0, "mode 0440; others must not read it");
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
	assert_int_equal(read_key(path, 32, 0, &err), 0);
	// Another name for it is not the service manager's word.
	refuse("key", 32, 0, "mode 0440");
	for (unsigned mode = 01; mode <= 07; mode++) {
		fixture_write("key", octets, 32, 0440 | mode);
		refuse(path, 32, 0, "others must not read it");
	}
	fixture_write("key", octets, 32, 0440);
	assert_int_equal(chown("key", 12345, (gid_t)-1), 0);
	refuse(path, 32, 0, "belongs to user 12345");
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

static void kinds(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	struct error err;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	refuse("absent", 32, 0, "cannot open key file absent: No such file or directory");
	refuse("", 32, 0, "cannot open key file");
	assert_int_equal(mkdir("directory", 0700), 0);
	refuse("directory", 32, 0, "is not a regular file");
	assert_int_equal(rmdir("directory"), 0);
	// Nobody writes to it: a reader that waits would wait for ever.
	assert_int_equal(mkfifo("fifo", 0600), 0);
	refuse("fifo", 32, 0, "is not a regular file");
	refuse("/dev/zero", 32, 0, "is not a regular file");
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	refuse("socket", 32, 0, "cannot open key file");
	close(fd);
	fixture_write("key", octets, 32, 0600);
	assert_int_equal(symlink("key", "link"), 0);
	assert_int_equal(read_key("link", 32, 0, &err), 0);
	fixture_write("key", octets, 32, 0644);
	refuse("link", 32, 0, "has mode 0644");
	unlink("key");
	refuse("link", 32, 0, "No such file or directory");
	unlink("link");
	assert_int_equal(symlink("link", "link"), 0);
	refuse("link", 32, 0, "Too many levels of symbolic links");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted),
		cmocka_unit_test(wrong_content),
		cmocka_unit_test(modes),
		cmocka_unit_test(owners),
		cmocka_unit_test(credentials),
		cmocka_unit_test(kinds),
	};

	return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
