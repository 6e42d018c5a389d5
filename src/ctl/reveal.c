// reveal-keys.
#include "ctl/reveal.h"

#include "base/log.h"
#include "base/secret.h"
#include "ctl/gateway.h"
#include "ctl/session.h"
#include "ctl/show.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEY_OCTETS (AEAD_KEY_MAX + SA_SALT_OCTETS)

static json_t *digits_of(const struct sa *sa)
{
	size_t octets = aead_key_octets(sa->params.algorithm);
	char text[2 * KEY_OCTETS + 1];
	uint8_t key[KEY_OCTETS];
	json_t *shown;

	aead_key_reveal(sa->key, key);
	if (sa->params.proto->has_salt) {
		memcpy(key + octets, sa->params.salt, SA_SALT_OCTETS);
		octets += SA_SALT_OCTETS;
	}
	for (size_t i = 0; i < octets; i++)
		snprintf(text + 2 * i, 3, "%02x", key[i]);
	shown = json_stringn(text, 2 * octets);
	secret_wipe(text, sizeof(text));
	secret_wipe(key, sizeof(key));
	return shown;
}

static json_t *one(const struct gateway *gateway, const struct sa *sa)
{
	(void)gateway;
	return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:s, s:b, s:o}", "tunnel",
		sa->tunnel->name, "direction", sa->inbound ? "in" : "out", "protocol",
		sa->params.proto->name, "spi", (json_int_t)sa->params.spi, "local",
		show_addr(&sa->params.local), "remote", show_addr(&sa->params.remote), "algorithm",
		aead_name(sa->params.algorithm), "esn", (int)sa->params.esn, "key", digits_of(sa));
}

int reveal_keys(
	struct session *session, const json_t *arguments, json_t **result, struct error *err)
{
	char who[AUTHOR_TEXT];
	json_t *list, *more;

	if (session->author.uid != 0)
		return error_set(err, EPERM, "reveal-keys: root alone may see keys");
	list = show_sas(session->gateway, arguments, one, &more, err);
	if (!list)
		return -ENOENT;
	log_notice("control: %s was told the keys of %zu SAs",
		author_text(&session->gateway->owners, &session->author, who),
		json_array_size(list));
	*result = json_pack("{s:o, s:o*}", "sas", list, "more", more);
	return *result ? 0 : error_set(err, ENOMEM, "reveal-keys: no memory");
}
