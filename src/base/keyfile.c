// Key files: who may read them, and what they may hold.
#include "base/keyfile.h"

#include "base/credential.h"
#include "base/hex.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// More than any key as hex digits with blanks around.
#define FILE_OCTETS_MAX 1024

// systemd lets a service's user read a credential of root's by an access control list where the
// file system has such: stat(2) shows the list's mask as the group's bits.
static mode_t allowed_mode(const char *path, const struct stat *st)
{
	return st->st_uid == 0 && credential_is(path) ? 0640 : 0600;
}

// The open file is judged, not the name, so that a link (as systemd's credentials may be) can be
// followed and not be exchanged in between.
int keyfile_check(int fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(
			err, errno, "cannot look at key file %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(
			err, EINVAL, "key file %s is not a regular file; one is wanted", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return error_set(err, EPERM,
			"key file %s belongs to user %u; it must belong to root or to user %u who "
			"runs this",
			path, st.st_uid, geteuid());
	if ((st.st_mode & 07777 & ~allowed_mode(path, &st)) != 0)
		return error_set(err, EPERM,
			"key file %s has mode %04o; others must not read it: chmod 600 %s", path,
			st.st_mode & 07777, path);
	return 0;
}

// Reads all of it, at most FILE_OCTETS_MAX + 1 octets.
static int slurp(int fd, const char *path, uint8_t *text, size_t *octets, struct error *err)
{
	*octets = 0;
	while (*octets <= FILE_OCTETS_MAX) {
		ssize_t got = read(fd, text + *octets, FILE_OCTETS_MAX + 1 - *octets);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set(
				err, errno, "cannot read key file %s: %s", path, strerror(errno));
		if (got == 0)
			return 0;
		*octets += (size_t)got;
	}
	return error_set(err, EFBIG, "key file %s has more than %d octets, no key is that long",
		path, FILE_OCTETS_MAX);
}

static bool is_blank(uint8_t octet)
{
	return octet == ' ' || octet == '\t' || octet == '\r' || octet == '\n';
}

size_t keyfile_digits(const uint8_t *text, size_t octets, const uint8_t **digits)
{
	size_t n;

	while (octets > 0 && is_blank(text[octets - 1]))
		octets--;
	while (octets > 0 && is_blank(*text)) {
		text++;
		octets--;
	}
	if (octets > 2 && text[0] == '0' && (text[1] | 0x20) == 'x') {
		text += 2;
		octets -= 2;
	}
	for (n = 0; n < octets; n++)
		if (hex_value(text[n]) < 0)
			return 0;
	*digits = text;
	return n;
}

// Text that is all hex digits is never taken for raw octets: that would be a key with half its
// strength. (A random key of 16 octets looks like this once in 10^17.)
static int decode(const char *name, const uint8_t *text, size_t octets, size_t key_octets,
	size_t salt_octets, uint8_t *key, struct error *err)
{
	size_t wanted = key_octets + salt_octets;
	const uint8_t *digits = NULL;
	size_t n = keyfile_digits(text, octets, &digits);
	char parts[64] = "";

	if (n == 2 * wanted && hex_decode((const char *)digits, wanted, key))
		return 0;
	if (n == 0 && octets == wanted) {
		memcpy(key, text, wanted);
		return 0;
	}
	if (salt_octets > 0)
		snprintf(parts, sizeof(parts), " (%zu of key and %zu of salt)", key_octets,
			salt_octets);
	if (n > 0)
		return error_set(err, EMSGSIZE,
			"%s holds %zu hex digits; %zu digits for %zu octets%s are wanted", name, n,
			2 * wanted, wanted, parts);
	return error_set(err, EMSGSIZE,
		"%s holds %zu octets; %zu octets%s are wanted, raw or as %zu hex digits", name,
		octets, wanted, parts, 2 * wanted);
}

static bool is_zero(const uint8_t *key, size_t octets)
{
	uint8_t any = 0;

	for (size_t i = 0; i < octets; i++)
		any |= key[i];
	return any == 0;
}

static int open_file(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return error_set(err, errno, "cannot open key file %s: %s", path, strerror(errno));
	return fd;
}

int keyfile_parse(const char *name, const uint8_t *text, size_t text_octets, size_t octets,
	size_t salt_octets, uint8_t **key, uint8_t *salt, struct error *err)
{
	uint8_t *decoded = secret_alloc(octets + salt_octets);
	int ret;

	if (!decoded)
		return error_set(err, ENOMEM, "no memory for %s", name);
	ret = decode(name, text, text_octets, octets, salt_octets, decoded, err);
	if (ret == 0 && is_zero(decoded, octets))
		ret = error_set(err, EINVAL, "%s is all zeros; make a random one", name);
	if (ret < 0) {
		secret_free(decoded);
		return ret;
	}
	if (salt_octets > 0)
		memcpy(salt, decoded + octets, salt_octets);
	secret_wipe(decoded + octets, salt_octets);
	*key = decoded;
	return 0;
}

int keyfile_read(const char *path, size_t octets, size_t salt_octets, uint8_t **key, uint8_t *salt,
	struct error *err)
{
	char name[PATH_MAX + sizeof("key file ")];
	uint8_t *text = NULL;
	size_t found;
	int fd, ret;

	*key = NULL;
	snprintf(name, sizeof(name), "key file %s", path);
	fd = open_file(path, err);
	ret = fd < 0 ? fd : keyfile_check(fd, path, err);
	if (ret < 0)
		goto out;
	text = secret_alloc(FILE_OCTETS_MAX + 1);
	if (!text) {
		ret = error_set(err, ENOMEM, "no memory for the key in %s", path);
		goto out;
	}
	ret = slurp(fd, path, text, &found, err);
	if (ret == 0)
		ret = keyfile_parse(name, text, found, octets, salt_octets, key, salt, err);
out:
	secret_free(text);
	if (fd >= 0)
		close(fd);
	return ret;
}
