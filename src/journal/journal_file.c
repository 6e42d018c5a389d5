// The journal's file: lock, file system, owner.
#include "journal/journal_file.h"

#include "crypto/fingerprint.h"
#include "journal/journal_file_private.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

// Not in linux/magic.h.
#define CIFS_MAGIC 0xff534d42
#define SMB2_MAGIC 0xfe534d42
#define FUSE_MAGIC 0x65735546

static int read_at(void *handle, uint64_t at, void *octets, size_t n)
{
	const struct journal_file *file = handle;

	while (n > 0) {
		ssize_t got = pread(file->fd, octets, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		octets = (uint8_t *)octets + got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static int write_at(void *handle, uint64_t at, const void *octets, size_t n)
{
	const struct journal_file *file = handle;

	while (n > 0) {
		ssize_t put = pwrite(file->fd, octets, n, (off_t)at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? -errno : -EIO;
		octets = (const uint8_t *)octets + put;
		at += (uint64_t)put;
		n -= (size_t)put;
	}
	return 0;
}

static int sync_data(void *handle)
{
	const struct journal_file *file = handle;

	return fdatasync(file->fd) == 0 ? 0 : -errno;
}

struct journal_io journal_file_io(struct journal_file *file, uint64_t octets)
{
	return (struct journal_io){
		.handle = file,
		.octets = octets,
		.read = read_at,
		.write = write_at,
		.sync = sync_data,
	};
}

// The parts of file systems' magic numbers differ in width from one kernel interface to the next.
static const struct {
	uint32_t magic;
	const char *name;
} forgetful[] = {
	{TMPFS_MAGIC, "tmpfs"},
	{RAMFS_MAGIC, "ramfs"},
	{OVERLAYFS_SUPER_MAGIC, "overlay"},
	{NFS_SUPER_MAGIC, "NFS"},
	{SMB_SUPER_MAGIC, "SMB"},
	{CIFS_MAGIC, "SMB"},
	{SMB2_MAGIC, "SMB"},
	{CEPH_SUPER_MAGIC, "Ceph"},
	{AFS_SUPER_MAGIC, "AFS"},
	{CODA_SUPER_MAGIC, "Coda"},
	{V9FS_MAGIC, "9p"},
	{FUSE_MAGIC, "FUSE"},
};

static int check_file_system(const struct journal_file *file, struct error *err)
{
	struct statfs st;

	if (fstatfs(file->lock, &st) < 0)
		return error_set(err, errno, "its file system: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(forgetful) / sizeof(forgetful[0]); i++)
		if ((uint32_t)st.f_type == forgetful[i].magic)
			return error_set(err, EINVAL,
				"it lies on %s, which may forget what was synced or be seen by "
				"two machines; take a file system on a disk of this machine, or "
				"give your word with journal.unsafe = true",
				forgetful[i].name);
	return 0;
}

static int read_owner(struct journal_file *file, struct error *err)
{
	char copy[PATH_MAX];
	struct stat st;

	snprintf(copy, sizeof(copy), "%s", file->path);
	if (stat(dirname(copy), &st) < 0)
		return error_set(err, errno, "its directory: %s", strerror(errno));
	file->owner = st.st_uid;
	file->group = st.st_gid;
	return 0;
}

int journal_file_give_to_owner(const struct journal_file *file, int fd)
{
	if (geteuid() != 0 || file->owner == 0)
		return 0;
	return fchown(fd, file->owner, file->group) == 0 ? 0 : -errno;
}

// Who has it, as far as the lock file says.
static long holder(int lock)
{
	char text[32] = "";
	ssize_t octets = pread(lock, text, sizeof(text) - 1, 0);

	return octets > 0 ? strtol(text, NULL, 10) : 0;
}

static int take_lock(struct journal_file *file, struct error *err)
{
	char path[PATH_MAX + sizeof(".lock")];

	snprintf(path, sizeof(path), "%s.lock", file->path);
	file->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file->lock < 0)
		return error_set(err, errno, "its lock %s: %s", path, strerror(errno));
	if (flock(file->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return error_set(err, EBUSY,
				"process %ld has it; one daemon has a journal, and while it runs "
				"nobody else",
				holder(file->lock));
		return error_set(err, errno, "its lock %s: %s", path, strerror(errno));
	}
	if (journal_file_give_to_owner(file, file->lock) < 0 || ftruncate(file->lock, 0) < 0 ||
		dprintf(file->lock, "%ld\n", (long)getpid()) < 0)
		return error_set(err, errno, "its lock %s: %s", path, strerror(errno));
	return 0;
}

// systemd and D-Bus keep an ID of the installation here.
static int read_machine(uint8_t machine[JOURNAL_MACHINE_OCTETS], struct error *err)
{
	char id[64];
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	ssize_t octets = fd < 0 ? -1 : read(fd, id, sizeof(id));

	if (fd >= 0)
		close(fd);
	if (octets < 32)
		return error_set(err, ENOENT,
			"/etc/machine-id cannot be read or is empty, and it tells a journal that "
			"was copied from another machine; systemd-machine-id-setup makes it");
	return fingerprint_make((const uint8_t *)id, 32, machine) == 0
		? 0
		: error_set(err, EIO, "libcrypto has failed");
}

static int fill_params(struct journal_params *params, struct error *err)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	params->now_s = (uint64_t)now.tv_sec;
	return read_machine(params->machine, err);
}

static int open_existing(struct journal_file *file, struct error *err)
{
	struct stat st;

	file->fd = open(file->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (file->fd < 0 && errno == ENOENT)
		return error_set(err, ENOENT,
			"there is none; if it is lost, make new keys on both ends, since nobody "
			"knows what the old ones have used; vpectl key-register makes a new one");
	if (file->fd < 0)
		return error_set(err, errno, "%s", strerror(errno));
	if (fstat(file->fd, &st) < 0)
		return error_set(err, errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "it is not a regular file");
	if ((st.st_uid != 0 && st.st_uid != geteuid() && st.st_uid != file->owner) ||
		(st.st_mode & 022) != 0)
		return error_set(err, EPERM,
			"others may change it; it must belong to root or to user %u and have mode "
			"0600",
			geteuid());
	return 0;
}

static int open_whole(
	struct journal_file *file, const struct journal_params *params, struct error *err)
{
	struct journal_io io;
	struct stat st;

	if (fstat(file->fd, &st) < 0)
		return error_set(err, errno, "%s", strerror(errno));
	io = journal_file_io(file, (uint64_t)st.st_size);
	return journal_open(&io, params, &file->journal, err);
}

// Another file takes the old one's place, and both say the same until its name is safe.
static int enlarge(struct journal_file *file, unsigned records, const struct journal_params *params,
	struct error *err)
{
	int ret = journal_file_enlarge(file, records, params, err);

	if (ret != 0)
		return ret;
	journal_close(file->journal);
	file->journal = NULL;
	return open_whole(file, params, err);
}

static int open_locked(struct journal_file *file, const struct journal_file_options *options,
	bool *made, struct error *err)
{
	struct journal_params params;
	int ret = options->unsafe ? 0 : check_file_system(file, err);

	*made = options->records > 0 && access(file->path, F_OK) < 0 && errno == ENOENT;
	if (ret == 0)
		ret = fill_params(&params, err);
	if (ret == 0)
		ret = *made ? journal_file_make(file, options->records, &params, err)
			    : open_existing(file, err);
	if (ret == 0)
		ret = open_whole(file, &params, err);
	if (ret == 0 && options->enlarge && journal_capacity(file->journal) < options->records)
		ret = enlarge(file, options->records, &params, err);
	return ret;
}

int journal_file_open(const char *path, const struct journal_file_options *options,
	struct journal_file **opened, bool *made, struct error *err)
{
	struct journal_file *file = calloc(1, sizeof(*file));
	bool is_new;
	int ret;

	if (!file)
		return error_set(err, ENOMEM, "no memory for the journal");
	file->fd = file->lock = -1;
	if (strlen(path) >= sizeof(file->path)) {
		free(file);
		return error_set(err, ENAMETOOLONG, "the journal's path is too long");
	}
	memcpy(file->path, path, strlen(path) + 1);
	ret = read_owner(file, err);
	if (ret == 0)
		ret = take_lock(file, err);
	if (ret == 0)
		ret = open_locked(file, options, &is_new, err);
	if (ret != 0) {
		journal_file_close(file);
		error_prefix(err, "journal %s: ", path);
		return ret;
	}
	if (made)
		*made = is_new;
	*opened = file;
	return 0;
}

void journal_file_close(struct journal_file *file)
{
	if (!file)
		return;
	journal_close(file->journal);
	if (file->fd >= 0)
		close(file->fd);
	if (file->lock >= 0)
		close(file->lock);
	free(file);
}

struct journal *journal_file_journal(struct journal_file *file)
{
	return file->journal;
}
