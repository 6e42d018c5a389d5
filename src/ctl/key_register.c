// From digits to records.
#include "ctl/key_register.h"

#include "base/hex.h"
#include "base/log.h"
#include "ctl/api.h"
#include "ctl/gateway.h"
#include "ctl/journal_service.h"
#include "ctl/session.h"
#include "ctl/used_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS (2 * JOURNAL_FINGERPRINT_OCTETS)

static bool read_fingerprint(const char *text, uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	return text && strlen(text) == DIGITS &&
		hex_decode(text, JOURNAL_FINGERPRINT_OCTETS, fingerprint);
}

// One that was in use has used numbers that no record knows of.
static int check_unused(const struct gateway *gateway, const struct journal_registration *key,
	size_t place, struct error *err)
{
	if (!used_keys_has(gateway->used_keys, key->fingerprint) ||
		journal_service_has(gateway->journal, key->fingerprint))
		return 0;
	return error_set(err, EEXIST,
		"fingerprints: key %zu was in use since the daemon started, and no record says "
		"with which numbers; make a new one",
		place + 1);
}

static int read_all(const struct gateway *gateway, const json_t *list,
	struct journal_registration *keys, struct error *err)
{
	const json_t *element;
	int ret = 0;
	size_t i;

	json_array_foreach(list, i, element)
	{
		if (!read_fingerprint(json_string_value(element), keys[i].fingerprint))
			return error_set(err, EINVAL,
				"fingerprints: number %zu is no string of %d hexadecimal digits",
				i + 1, DIGITS);
		ret = check_unused(gateway, &keys[i], i, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

// Whoever means another journal would register with the wrong daemon.
static int check_journal(const struct gateway *gateway, const json_t *arguments, struct error *err)
{
	const char *meant = json_string_value(json_object_get(arguments, "journal"));
	const char *file = gateway->config->journal.file;

	if (!meant || strcmp(meant, file) == 0)
		return 0;
	return error_set(err, EXDEV,
		"this daemon's journal is %s, and %s is another; ask the daemon that has it", file,
		meant);
}

static json_t *list_of(const json_t *asked, const struct journal_registration *keys)
{
	json_t *list = json_array();
	json_t *element;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)asked, i, element)
	{
		json_array_append_new(list,
			json_pack("{s:O, s:b, s:b}", "fingerprint", element, "new",
				(int)!keys[i].known, "ended", (int)keys[i].ended));
	}
	return list;
}

// What the journal has from now on, nobody takes out of it again.
static void tell(const struct session *session, const struct journal_registration *keys, unsigned n,
	bool made)
{
	char who[AUTHOR_TEXT];
	unsigned fresh = 0;

	for (unsigned i = 0; i < n; i++)
		fresh += !keys[i].known;
	if (fresh > 0 || made)
		log_notice("control: %s: key-register: %u new%s",
			author_text(&session->gateway->owners, &session->author, who), fresh,
			made ? ", in a journal that was made for them" : "");
}

static int register_all(const struct session *session, const json_t *asked,
	struct journal_registration *keys, json_t **result, struct error *err)
{
	struct gateway *gateway = session->gateway;
	unsigned n = (unsigned)json_array_size(asked);
	struct leases_usage usage;
	bool made;
	int ret = read_all(gateway, asked, keys, err);

	if (ret == 0)
		ret = journal_service_register(gateway->journal, keys, n, &made, &usage, err);
	if (ret < 0)
		return ret;
	tell(session, keys, n, made);
	*result = json_pack("{s:s, s:b, s:I, s:I, s:o}", "journal", gateway->config->journal.file,
		"journal_made", (int)made, "records", (json_int_t)usage.records, "records_used",
		(json_int_t)usage.used, "keys", list_of(asked, keys));
	return 0;
}

int key_register(
	struct session *session, const json_t *arguments, json_t **result, struct error *err)
{
	const json_t *asked = json_object_get(arguments, "fingerprints");
	struct journal_registration *keys;
	int ret = check_journal(session->gateway, arguments, err);

	if (ret < 0)
		return ret;
	if (json_array_size(asked) < 1 || json_array_size(asked) > API_KEYS_MAX)
		return error_set(err, EINVAL, "'fingerprints' has %zu elements; 1 to %d are wanted",
			json_array_size(asked), API_KEYS_MAX);
	keys = calloc(json_array_size(asked), sizeof(keys[0]));
	if (!keys)
		return error_set(err, ENOMEM, "no memory");
	ret = register_all(session, asked, keys, result, err);
	free(keys);
	return ret;
}
