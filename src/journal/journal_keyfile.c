// How long a key file is says what is in it: of these lengths, no two are the same.
#include "journal/journal_keyfile.h"

#include "base/keyfile.h"
#include "base/secret.h"
#include "crypto/fingerprint.h"

#include <errno.h>
#include <stddef.h>

#define SALT_OCTETS 4

static const size_t key_octets[] = {32, 24, 16};

int journal_keyfile_fingerprint(
	const char *path, uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], struct error *err)
{
	uint8_t salt[SALT_OCTETS];
	uint8_t *key = NULL;
	int ret = -EMSGSIZE;

	for (size_t i = 0; i < 2 * sizeof(key_octets) / sizeof(key_octets[0]) && ret == -EMSGSIZE;
		i++) {
		size_t octets = key_octets[i / 2];

		ret = keyfile_read(path, octets, i % 2 ? SALT_OCTETS : 0, &key, salt, err);
		if (ret == 0 && fingerprint_make(key, octets, fingerprint) != 0)
			ret = error_set(err, EIO, "libcrypto has failed");
		secret_free(key);
		secret_wipe(salt, sizeof(salt));
	}
	if (ret == -EMSGSIZE)
		return error_set(err, EINVAL,
			"key file %s: no key is as long; 16, 24 or 32 octets are wanted, and 4 "
			"more of salt for ESP, raw or as hex digits",
			path);
	return ret;
}
