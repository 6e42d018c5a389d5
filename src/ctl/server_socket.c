// The control socket's file: whose it is is settled before anybody can connect.
#include "ctl/server_socket.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16
// All but 0600.
#define UMASK 0177
#define MODE_WITH_GROUP 0660

static int make_directory(const char *path, struct error *err)
{
	char copy[sizeof(((struct server_socket *)0)->path)];
	const char *directory;

	memcpy(copy, path, strlen(path) + 1);
	directory = dirname(copy);
	if (mkdir(directory, 0755) == 0 || errno == EEXIST)
		return 0;
	return error_set(
		err, errno, "control socket: directory %s: %s", directory, strerror(errno));
}

// Somebody may be there, dead or alive, or it may be no socket at all.
static int clear_place(const struct sockaddr_un *addr, struct error *err)
{
	struct stat st;
	int ret = 0;
	int fd;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0
				       : error_set(err, errno, "control socket %s: %s",
						 addr->sun_path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, EEXIST,
			"control socket %s: there is a file that is no socket; remove it or choose "
			"another path",
			addr->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, errno, "control socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN)
		ret = error_set(err, EADDRINUSE,
			"control socket %s: another daemon answers there; stop it, or give each "
			"its "
			"own control.socket",
			addr->sun_path);
	else if (errno != ECONNREFUSED && errno != ENOENT)
		ret = error_set(
			err, errno, "control socket %s: %s", addr->sun_path, strerror(errno));
	else if (unlink(addr->sun_path) < 0 && errno != ENOENT)
		ret = error_set(err, errno, "control socket %s: removing a dead daemon's: %s",
			addr->sun_path, strerror(errno));
	close(fd);
	return ret;
}

// The file is born its owner's alone: its group is this process's at first, whose members may be
// meant to have another socket. The mask is the whole process's; what another thread makes
// meanwhile is closed too far, not open.
static int bind_with_mode(int fd, const struct sockaddr_un *addr)
{
	mode_t before = umask(UMASK);
	int ret = bind(fd, (const struct sockaddr *)addr, sizeof(*addr));
	int failure = errno;

	umask(before);
	errno = failure;
	return ret;
}

// The file itself is changed, were it a link by now.
static int give_to(const struct group *group, const struct server_socket *opened)
{
	if (!group)
		return -ENOENT;
	if (opened->made.st_gid != group->gr_gid &&
		lchown(opened->path, (uid_t)-1, group->gr_gid) < 0)
		return -errno;
	return fchmodat(AT_FDCWD, opened->path, MODE_WITH_GROUP, AT_SYMLINK_NOFOLLOW) < 0 ? -errno
											  : 0;
}

static void offer_to(const char *group, const struct server_socket *opened)
{
	int ret = give_to(getgrnam(group), opened);

	if (ret < 0)
		log_warning("socket %s: group %s cannot have it (%s), so it is for its owner alone",
			opened->path, group,
			ret == -ENOENT ? "the system has no such group" : strerror(-ret));
}

int server_socket_open(
	const char *path, const char *group, struct server_socket *opened, struct error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int ret;

	opened->fd = -1;
	if (strlen(path) >= sizeof(addr.sun_path))
		return error_set(err, ENAMETOOLONG, "control socket %s: at most %zu characters",
			path, sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, path, strlen(path));
	memcpy(opened->path, path, strlen(path) + 1);
	ret = make_directory(path, err);
	if (ret == 0)
		ret = clear_place(&addr, err);
	if (ret < 0)
		return ret;
	opened->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (opened->fd >= 0 && bind_with_mode(opened->fd, &addr) == 0 &&
		lstat(path, &opened->made) == 0) {
		offer_to(group, opened);
		ret = listen(opened->fd, BACKLOG);
	} else {
		ret = -1;
	}
	if (ret < 0) {
		ret = error_set(err, errno, "control socket %s: %s", path, strerror(errno));
		if (opened->fd >= 0)
			close(opened->fd);
		opened->fd = -1;
	}
	return ret;
}

void server_socket_close(struct server_socket *socket)
{
	struct stat st;

	if (socket->fd < 0)
		return;
	// Another daemon's by now, perhaps.
	if (lstat(socket->path, &st) == 0 && st.st_dev == socket->made.st_dev &&
		st.st_ino == socket->made.st_ino)
		unlink(socket->path);
	close(socket->fd);
	socket->fd = -1;
}
