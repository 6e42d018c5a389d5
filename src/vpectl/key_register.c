// vpectl key-register: works on the journal itself, or asks the daemon that has it.
#include "ctl/api.h"
#include "journal/journal_file.h"
#include "journal/journal_key.h"
#include "journal/journal_keyfile.h"
#include "vpectl/client.h"
#include "vpectl/vpectl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct registrations {
	unsigned n;
	char **file;
	struct journal_registration key[API_KEYS_MAX];
	// Of the journal, afterwards.
	bool made;
	unsigned records;
	unsigned used;
};

static void print_json(const struct registrations *all)
{
	json_t *list = json_array();
	json_t *object;

	for (unsigned i = 0; i < all->n; i++)
		json_array_append_new(list,
			json_pack("{s:s, s:b, s:b}", "file", all->file[i], "new",
				!all->key[i].known, "ended", all->key[i].ended));
	object = json_pack("{s:b, s:I, s:I, s:o}", "journal_made", all->made, "records",
		(json_int_t)all->records, "records_used", (json_int_t)all->used, "keys", list);
	vpectl_print_json(object);
	json_decref(object);
}

static const char *outcome(const struct journal_registration *key)
{
	if (key->ended)
		return "its life is over, for good; make a new one";
	return key->known ? "has a record already, which stays as it is" : "registered";
}

static void print_text(const struct vpectl *ctl, const struct registrations *all)
{
	if (all->made)
		printf("journal %s: made\n", ctl->journal);
	if (ctl->records)
		printf("journal %s: room for %u records, of which %u are used\n", ctl->journal,
			all->records, all->used);
	for (unsigned i = 0; i < all->n; i++)
		printf("%s: %s\n", all->file[i], outcome(&all->key[i]));
}

static int register_here(const struct journal_file_options *options, const struct vpectl *ctl,
	struct registrations *all, struct error *err)
{
	struct journal_file *file;
	struct journal *journal;
	int ret = journal_file_open(ctl->journal, options, &file, &all->made, err);

	if (ret < 0)
		return ret;
	journal = journal_file_journal(file);
	ret = journal_key_register_all(journal, all->key, all->n, 0, (uint64_t)time(NULL), err);
	all->records = journal_capacity(journal);
	all->used = journal_used(journal);
	journal_file_close(file);
	return ret;
}

// The keys themselves stay here.
static json_t *request_of(const struct vpectl *ctl, const struct registrations *all)
{
	json_t *fingerprints = json_array();

	for (unsigned i = 0; i < all->n; i++) {
		char digits[2 * JOURNAL_FINGERPRINT_OCTETS + 1];

		for (unsigned k = 0; k < JOURNAL_FINGERPRINT_OCTETS; k++)
			snprintf(digits + 2 * k, 3, "%02x", all->key[i].fingerprint[k]);
		json_array_append_new(fingerprints, json_string(digits));
	}
	return json_pack("{s:s, s:o}", "journal", ctl->journal, "fingerprints", fingerprints);
}

static int read_result(const json_t *result, struct registrations *all, struct error *err)
{
	const json_t *keys = json_object_get(result, "keys");

	if (json_array_size(keys) != all->n)
		return error_set(err, EPROTO, "the daemon's answer is about other keys");
	for (unsigned i = 0; i < all->n; i++) {
		const json_t *key = json_array_get(keys, i);

		all->key[i].known = !json_is_true(json_object_get(key, "new"));
		all->key[i].ended = json_is_true(json_object_get(key, "ended"));
	}
	all->made = json_is_true(json_object_get(result, "journal_made"));
	all->records = (unsigned)json_integer_value(json_object_get(result, "records"));
	all->used = (unsigned)json_integer_value(json_object_get(result, "records_used"));
	return 0;
}

// why: it could not be done here.
static int register_there(const struct vpectl *ctl, struct registrations *all,
	const struct error *why, struct error *err)
{
	json_t *arguments = request_of(ctl, all);
	json_t *result;
	int ret = client_request(ctl->admin_socket, API_KEY_REGISTER, arguments, &result, err);

	json_decref(arguments);
	if (ret == 0) {
		ret = read_result(result, all, err);
		json_decref(result);
	} else if (ret != -EREMOTEIO) {
		struct error asked = *err;

		error_set(err, -ret, "%s; and no daemon can be asked: %s", why->text, asked.text);
	}
	return ret;
}

// Another process has it, or this user may not look into it.
static bool may_be_asked_for(int ret)
{
	return ret == -EBUSY || ret == -EACCES;
}

static bool read_records(const char *text, struct journal_file_options *options)
{
	char *end;
	unsigned long long records;

	if (!text)
		return true;
	errno = 0;
	records = strtoull(text, &end, 10);
	options->records = (unsigned)records;
	options->enlarge = true;
	return errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0' && records >= 1 &&
		records <= JOURNAL_RECORDS_MAX;
}

static bool read_arguments(const struct vpectl *ctl, int argc, struct journal_file_options *options)
{
	if (!read_records(ctl->records, options)) {
		fprintf(stderr, "vpectl: --records %s: a number from 1 to %d is wanted\n",
			ctl->records, JOURNAL_RECORDS_MAX);
		return false;
	}
	if (argc > API_KEYS_MAX || (argc < 1 && !ctl->records)) {
		fprintf(stderr, "vpectl: key-register takes 1 to %d key files\n", API_KEYS_MAX);
		return false;
	}
	return true;
}

// All of them are looked at before anything is written.
static int read_keys(struct registrations *all, struct error *err)
{
	int ret = 0;

	for (unsigned i = 0; i < all->n && ret == 0; i++)
		ret = journal_keyfile_fingerprint(all->file[i], all->key[i].fingerprint, err);
	return ret;
}

static enum vpectl_exit register_all(const struct journal_file_options *options,
	const struct vpectl *ctl, struct registrations *all)
{
	struct error why, err;
	int ret = register_here(options, ctl, all, &why);

	if (ret == 0)
		return VPECTL_OK;
	// A daemon gives its journal no more room.
	if (!may_be_asked_for(ret) || ctl->records)
		return vpectl_refused(&why);
	ret = register_there(ctl, all, &why, &err);
	return ret == 0 ? VPECTL_OK : vpectl_fail(ret, &err);
}

enum vpectl_exit key_register(const struct vpectl *ctl, int argc, char **argv)
{
	struct journal_file_options options = {
		.unsafe = ctl->journal_unsafe, .records = JOURNAL_RECORDS_DEFAULT};
	struct registrations all = {.n = (unsigned)argc, .file = argv};
	enum vpectl_exit status;
	struct error err;

	if (!read_arguments(ctl, argc, &options))
		return VPECTL_USAGE;
	if (read_keys(&all, &err) < 0)
		return vpectl_refused(&err);
	status = register_all(&options, ctl, &all);
	if (status != VPECTL_OK)
		return status;
	if (ctl->json)
		print_json(&all);
	else
		print_text(ctl, &all);
	return VPECTL_OK;
}
