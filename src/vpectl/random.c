// vpectl genkey and self-test: what needs this machine's random numbers, and no daemon.
#include "base/randomness.h"
#include "base/secret.h"
#include "vpectl/vpectl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEY_OCTETS_MAX 32
#define SALT_OCTETS 4
#define OCTETS_MAX (KEY_OCTETS_MAX + SALT_OCTETS)
#define TEXT_OCTETS (2 * OCTETS_MAX + 1)

static size_t octets_of(const char *protocol, const char *bits)
{
	static const char *const known[] = {"128", "192", "256"};
	size_t salt = strcmp(protocol, "esp") == 0 ? SALT_OCTETS : 0;

	if (salt == 0 && strcmp(protocol, "vpe") != 0)
		return 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], bits) == 0)
			return 16 + 8 * i + salt;
	return 0;
}

static int fill_key(uint8_t *key, size_t octets, struct error *err)
{
	int ret = secret_random(key, octets);

	return ret == 0
		? 0
		: error_set(err, -ret, "no random numbers from the kernel: %s", strerror(-ret));
}

// In secret memory all the way.
static int make_text(size_t octets, char **text, struct error *err)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *key = secret_alloc(octets);
	int ret;

	*text = secret_alloc(TEXT_OCTETS);
	if (!key || !*text)
		ret = error_set(err, ENOMEM, "no memory for a key");
	else
		ret = fill_key(key, octets, err);
	for (size_t i = 0; i < octets && ret == 0; i++) {
		(*text)[2 * i] = digits[key[i] >> 4];
		(*text)[2 * i + 1] = digits[key[i] & 15];
	}
	if (ret == 0)
		(*text)[2 * octets] = '\n';
	secret_free(key);
	return ret;
}

// A file that is there stays as it is: it may be somebody's key.
static int write_file(const char *path, const char *text, size_t octets, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int ret = 0;

	if (fd < 0)
		return error_set(err, errno, "%s: %s", path, strerror(errno));
	if (write(fd, text, octets) != (ssize_t)octets || fsync(fd) < 0)
		ret = error_set(err, EIO, "%s cannot be written", path);
	close(fd);
	if (ret < 0)
		unlink(path);
	return ret;
}

static int make_file(const char *path, size_t octets, struct error *err)
{
	char *text = NULL;
	int ret = make_text(octets, &text, err);

	if (ret == 0)
		ret = write_file(path, text, 2 * octets + 1, err);
	secret_free(text);
	return ret;
}

static void print_json(int n, char **file)
{
	json_t *keys = json_array();
	json_t *object;

	for (int i = 0; i < n; i++)
		json_array_append_new(keys, json_pack("{s:s}", "file", file[i]));
	object = json_pack("{s:o}", "keys", keys);
	vpectl_print_json(object);
	json_decref(object);
}

enum vpectl_exit genkey(const struct vpectl *ctl, int argc, char **argv)
{
	size_t octets = argc >= 3 ? octets_of(argv[0], argv[1]) : 0;
	struct error err;

	if (octets == 0) {
		fputs("vpectl: genkey takes vpe or esp, the cipher key's bits (128, 192 or 256), "
		      "and files to be made\n",
			stderr);
		return VPECTL_USAGE;
	}
	if (randomness_test(secret_random, &err) < 0)
		return vpectl_refused(&err);
	for (int i = 2; i < argc; i++)
		if (make_file(argv[i], octets, &err) < 0)
			return vpectl_refused(&err);
	if (ctl->json)
		print_json(argc - 2, argv + 2);
	return VPECTL_OK;
}

enum vpectl_exit self_test(const struct vpectl *ctl, int argc, char **argv)
{
	struct error err;

	(void)argv;
	if (!vpectl_no_argument(argc, "self-test"))
		return VPECTL_USAGE;
	if (randomness_test(secret_random, &err) < 0)
		return vpectl_refused(&err);
	puts(ctl->json ? "{\n  \"random_numbers\": \"good\"\n}" : "random numbers: good");
	return VPECTL_OK;
}
