// Inside of the journal's file, for those who make one.
#pragma once

#include "journal/journal_file.h"

#include <limits.h>
#include <sys/types.h>

struct journal_file {
	int fd;
	int lock;
	char path[PATH_MAX];
	uid_t owner; // of the directory: who can exchange the file
	gid_t group;
	struct journal *journal;
};

struct journal_io journal_file_io(struct journal_file *file, uint64_t octets);
// What root makes for a daemon that is not root. 0 or -errno.
int journal_file_give_to_owner(const struct journal_file *file, int fd);

// An empty one. 0 with file->fd set, or -errno with err filled.
int journal_file_make(struct journal_file *file, unsigned records,
	const struct journal_params *params, struct error *err);
// One with what file->journal has, and more room. 0: file->fd is it, and file->journal is still the
// one before. -errno with err filled: file is as it was, and so is what lies on the disk, unless
// the directory was not to be synced: the larger one, which has the same records, may be there
// then.
int journal_file_enlarge(struct journal_file *file, unsigned records,
	const struct journal_params *params, struct error *err);
