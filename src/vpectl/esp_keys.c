// vpectl capture --reveal-keys.
#include "vpectl/esp_keys.h"

#include "ctl/api.h"
#include "vpectl/pages.h"
#include "vpectl/private_file.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

// As Wireshark names them.
static const char *cipher(const char *algorithm)
{
	return strcmp(algorithm, "chacha20-poly1305") == 0 ? "ChaCha20 with Poly1305 [RFC7634]"
							   : "AES-GCM with 16 octet ICV [RFC4106]";
}

static void write_sa(FILE *file, const json_t *sa)
{
	const char *protocol, *direction, *local, *remote, *algorithm, *key;
	bool out;
	json_int_t spi;

	if (json_unpack((json_t *)(uintptr_t)sa, "{s:s, s:s, s:s, s:s, s:s, s:s, s:I}", "protocol",
		    &protocol, "direction", &direction, "local", &local, "remote", &remote,
		    "algorithm", &algorithm, "key", &key, "spi", &spi) != 0 ||
		strcmp(protocol, "esp") != 0)
		return;
	out = strcmp(direction, "out") == 0;
	fprintf(file, "\"IPv%c\",\"%s\",\"%s\",\"0x%08" PRIx32 "\",\"%s\",\"0x%s\",\"NULL\",\"\"\n",
		strchr(local, ':') ? '6' : '4', out ? local : remote, out ? remote : local,
		(uint32_t)spi, cipher(algorithm), key);
}

static void write_page(const json_t *result, void *to)
{
	const json_t *sa;
	size_t i;

	json_array_foreach(json_object_get(result, "sas"), i, sa)
	{
		write_sa(to, sa);
	}
}

enum vpectl_exit esp_keys_write(const struct vpectl *ctl, const char *path)
{
	FILE *file = private_file_create(path);
	enum vpectl_exit status = VPECTL_REFUSED;

	if (file) {
		status = pages_ask(ctl->admin_socket, API_REVEAL_KEYS, NULL, write_page, file);
		if (fclose(file) == 0)
			return status;
	}
	fprintf(stderr, "vpectl: %s: %s\n", path, strerror(errno));
	return VPECTL_REFUSED;
}
