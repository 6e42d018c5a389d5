// New files for a journal, and the rename by which they appear whole.
#include "journal/journal_file_private.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// After a crash a file has its new name only if the directory was synced too.
static int sync_directory(const char *path)
{
	char copy[PATH_MAX];
	int fd, ret;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return ret;
}

static int fill(struct journal_file *file, unsigned records, const struct journal_params *params)
{
	uint64_t pages = ((uint64_t)records + JOURNAL_PAGE_RECORDS - 1) / JOURNAL_PAGE_RECORDS;
	struct journal_io io = journal_file_io(file, pages * 2 * JOURNAL_PAGE_OCTETS);
	int ret = -posix_fallocate(file->fd, 0, (off_t)io.octets);

	if (ret == 0)
		ret = file->journal ? journal_copy(file->journal, &io, params)
				    : journal_format(&io, params);
	if (ret == 0 && fsync(file->fd) < 0)
		ret = -errno;
	return ret;
}

// Whoever could open the one before can open its successor.
static int give_as_before(int fd, int before)
{
	struct stat was, is;

	if (fstat(before, &was) < 0 || fstat(fd, &is) < 0)
		return -errno;
	if (was.st_uid == is.st_uid && was.st_gid == is.st_gid)
		return 0;
	return fchown(fd, was.st_uid, was.st_gid) < 0 ? -errno : 0;
}

// Under another name until all of it is on the disk. before: the file that it follows, or -1.
static int make(struct journal_file *file, int before, unsigned records,
	const struct journal_params *params, struct error *err)
{
	char fresh[PATH_MAX + sizeof(".new")];
	int ret;

	snprintf(fresh, sizeof(fresh), "%s.new", file->path);
	file->fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file->fd < 0)
		return error_set(err, errno, "%s cannot be made: %s", fresh, strerror(errno));
	ret = before < 0 ? journal_file_give_to_owner(file, file->fd)
			 : give_as_before(file->fd, before);
	if (ret == 0)
		ret = fill(file, records, params);
	if (ret == 0 && rename(fresh, file->path) < 0)
		ret = -errno;
	if (ret == 0)
		return sync_directory(file->path) == 0
			? 0
			: error_set(err, EIO, "its directory cannot be synced");
	unlink(fresh);
	return error_set(err, -ret, "it cannot be made: %s", strerror(-ret));
}

int journal_file_make(struct journal_file *file, unsigned records,
	const struct journal_params *params, struct error *err)
{
	return make(file, -1, records, params, err);
}

int journal_file_enlarge(struct journal_file *file, unsigned records,
	const struct journal_params *params, struct error *err)
{
	int before = file->fd;
	int ret = make(file, before, records, params, err);

	if (ret == 0) {
		close(before);
		return 0;
	}
	if (file->fd >= 0)
		close(file->fd);
	file->fd = before;
	error_prefix(err, "a larger one: ");
	return ret;
}
