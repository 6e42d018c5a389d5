// The name of a key in journals and comparisons: HMAC-SHA-256, cut to 128 bits.
#include "crypto/fingerprint.h"

#include "base/secret.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

// Part of the journal's format: a change makes every recorded key a stranger.
static const char label[] = "vped key fingerprint v1";

int fingerprint_make(const uint8_t *key, size_t octets, uint8_t fingerprint[FINGERPRINT_OCTETS])
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned mac_octets = 0;
	int ret = -EIO;

	if (octets == 0 || octets > INT16_MAX)
		return -EIO;
	if (HMAC(EVP_sha256(), key, (int)octets, (const uint8_t *)label, sizeof(label) - 1, mac,
		    &mac_octets) &&
		mac_octets >= FINGERPRINT_OCTETS) {
		memcpy(fingerprint, mac, FINGERPRINT_OCTETS);
		ret = 0;
	}
	secret_wipe(mac, sizeof(mac));
	return ret;
}
