// vpectl key-register: works on the journal itself, which no daemon may have.
#include "journal/journal_file.h"
#include "journal/journal_key.h"
#include "journal/journal_keyfile.h"
#include "vpectl/vpectl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

// What there is to be told of the journal itself.
struct journal_facts {
	bool made;
	unsigned records;
	unsigned used;
};

static void print_json(
	const struct registration *keys, unsigned n, const struct journal_facts *journal)
{
	json_t *list = json_array();
	json_t *object;

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:b}", "file", keys[i].file, "new", !keys[i].known));
	object = json_pack("{s:b, s:I, s:I, s:o}", "journal_made", journal->made, "records",
		(json_int_t)journal->records, "records_used", (json_int_t)journal->used, "keys",
		list);
	json_dumpf(object, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(object);
}

static void print_text(const struct vpectl *ctl, const struct registration *keys, unsigned n,
	const struct journal_facts *journal)
{
	if (journal->made)
		printf("journal %s: made\n", ctl->journal);
	if (ctl->records)
		printf("journal %s: room for %u records, of which %u are used\n", ctl->journal,
			journal->records, journal->used);
	for (unsigned i = 0; i < n; i++)
		printf("%s: %s\n", keys[i].file,
			keys[i].known ? "has a record already, which stays as it is"
				      : "registered");
}

static int register_here(const struct journal_file_options *options, const struct vpectl *ctl,
	struct registration *keys, unsigned n, struct journal_facts *facts, struct error *err)
{
	struct journal_file *file;
	struct journal *journal;
	int ret = journal_file_open(ctl->journal, options, &file, &facts->made, err);

	if (ret < 0)
		return ret;
	journal = journal_file_journal(file);
	ret = register_all(journal, keys, n, err);
	facts->records = journal_capacity(journal);
	facts->used = journal_used(journal);
	journal_file_close(file);
	return ret;
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
	if (argc > KEYS_MAX || (argc < 1 && !ctl->records)) {
		fprintf(stderr, "vpectl: key-register takes 1 to %d key files\n", KEYS_MAX);
		return false;
	}
	return true;
}

enum vpectl_exit key_register(const struct vpectl *ctl, int argc, char **argv)
{
	struct journal_file_options options = {
		.unsafe = ctl->journal_unsafe, .records = JOURNAL_RECORDS_DEFAULT};
	struct registration keys[KEYS_MAX];
	struct journal_facts facts;
	struct error err;

	if (!read_arguments(ctl, argc, &options))
		return VPECTL_USAGE;
	// All of them are looked at before anything is written.
	for (int i = 0; i < argc; i++) {
		keys[i].file = argv[i];
		if (journal_keyfile_fingerprint(argv[i], keys[i].fingerprint, &err) < 0)
			return fail(&err);
	}
	if (register_here(&options, ctl, keys, (unsigned)argc, &facts, &err) < 0)
		return fail(&err);
	if (ctl->json)
		print_json(keys, (unsigned)argc, &facts);
	else
		print_text(ctl, keys, (unsigned)argc, &facts);
	return VPECTL_OK;
}
