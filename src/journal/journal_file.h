// A journal in a file: who may have it, where it may lie, how it is made.
#pragma once

#include "journal/journal.h"

#define JOURNAL_FILE_DEFAULT "/var/lib/vped/journal"
#define JOURNAL_RECORDS_DEFAULT 16384
#define JOURNAL_RECORDS_MAX 4194304

struct journal_file;

struct journal_file_options {
	bool unsafe;	  // on a file system that may forget, too
	unsigned records; // makes a new one with room for so many, where there is none; 0: does not
	bool enlarge;	  // one that is there and has less room gets as much
};

// Takes the lock, which lasts until journal_file_close or the end of the process. *made says
// whether it was made now; may be NULL. 0 or -errno with err filled.
int journal_file_open(const char *path, const struct journal_file_options *options,
	struct journal_file **opened, bool *made, struct error *err);
void journal_file_close(struct journal_file *file);
struct journal *journal_file_journal(struct journal_file *file);
