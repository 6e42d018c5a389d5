// vpectl key-register: works on the journal itself, which no daemon may have.
#include "journal/journal_file.h"
#include "journal/journal_key.h"
#include "journal/journal_keyfile.h"
#include "vpectl/vpectl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define KEYS_MAX 1024

static enum vpectl_exit fail(const struct error *err)
{
	fprintf(stderr, "vpectl: %s\n", err->text);
	return VPECTL_REFUSED;
}

struct registration {
	const char *file;
	uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS];
	bool known;
};

static int register_all(
	struct journal *journal, struct registration *keys, unsigned n, struct error *err)
{
	for (unsigned i = 0; i < n; i++) {
		int ret = journal_key_register(
			journal, keys[i].fingerprint, (uint64_t)time(NULL), err);

		keys[i].known = ret == -EEXIST;
		if (ret < 0 && ret != -EEXIST)
			return ret;
	}
	return 0;
}

static void print_json(const struct registration *keys, unsigned n, bool made)
{
	json_t *list = json_array();
	json_t *object;

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:b}", "file", keys[i].file, "new", !keys[i].known));
	object = json_pack("{s:b, s:o}", "journal_made", made, "keys", list);
	json_dumpf(object, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(object);
}

static void print_text(
	const struct vpectl *ctl, const struct registration *keys, unsigned n, bool made)
{
	if (made)
		printf("journal %s: made\n", ctl->journal);
	for (unsigned i = 0; i < n; i++)
		printf("%s: %s\n", keys[i].file,
			keys[i].known ? "has a record already, which stays as it is"
				      : "registered");
}

enum vpectl_exit key_register(const struct vpectl *ctl, int argc, char **argv)
{
	const struct journal_file_options options = {
		.unsafe = ctl->journal_unsafe, .records = JOURNAL_RECORDS_DEFAULT};
	struct registration keys[KEYS_MAX];
	struct journal_file *file;
	struct error err;
	bool made;
	int ret;

	if (argc < 1 || argc > KEYS_MAX) {
		fprintf(stderr, "vpectl: key-register takes 1 to %d key files\n", KEYS_MAX);
		return VPECTL_USAGE;
	}
	// All of them are looked at before anything is written.
	for (int i = 0; i < argc; i++) {
		keys[i].file = argv[i];
		if (journal_keyfile_fingerprint(argv[i], keys[i].fingerprint, &err) < 0)
			return fail(&err);
	}
	if (journal_file_open(ctl->journal, &options, &file, &made, &err) < 0)
		return fail(&err);
	ret = register_all(journal_file_journal(file), keys, (unsigned)argc, &err);
	journal_file_close(file);
	if (ret < 0)
		return fail(&err);
	if (ctl->json)
		print_json(keys, (unsigned)argc, made);
	else
		print_text(ctl, keys, (unsigned)argc, made);
	return VPECTL_OK;
}
