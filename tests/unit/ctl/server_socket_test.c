// Where a control socket may lie, what it may take the place of, and whose it is.
#include "ctl/server_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SOMEBODY 65533 // user and group

static char directory[64];
static char path[108];

static int start(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/vped-socket-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/vped.sock", directory);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	return rmdir(directory);
}

static void assert_refused(const char *other, int error, const char *words)
{
	struct server_socket second;
	struct error err = {.text = ""};

	assert_int_equal(server_socket_open(other, "vped", &second, &err), -error);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void places(void **state)
{
	struct server_socket first;
	struct error err;
	char other[120];

	(void)state;
	assert_int_equal(server_socket_open(path, "vped", &first, &err), 0);
	assert_refused(path, EADDRINUSE, "another daemon answers there");
	assert_int_equal(access(path, F_OK), 0);
	snprintf(other, sizeof(other), "%s/file", directory);
	close(open(other, O_CREAT | O_WRONLY, 0600));
	assert_refused(other, EEXIST, "no socket");
	unlink(other);
	memset(other, 'a', 108);
	other[108] = '\0';
	assert_refused(other, ENAMETOOLONG, "");
	snprintf(other, sizeof(other), "%s/no/such/vped.sock", directory);
	assert_refused(other, ENOENT, "");
	server_socket_close(&first);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_dead_daemons_socket_is_replaced(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct server_socket made;
	struct error err;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	memcpy(addr.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
	assert_int_equal(server_socket_open(path, "vped", &made, &err), 0);
	// Its file is somebody else's by the time it goes.
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	server_socket_close(&made);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
}

// Of a socket for this group; 07777 and more: there is none.
static mode_t mode_with_group(const char *group, struct stat *st)
{
	struct server_socket made;
	struct error err;
	int found;

	if (server_socket_open(path, group, &made, &err) < 0)
		return 010000;
	found = lstat(path, st);
	server_socket_close(&made);
	return found == 0 ? st->st_mode & 07777 : 010000;
}

// Who is in none but one group of others can give nothing to root's.
static int as_somebody(const char *group)
{
	struct stat st;

	if (chown(directory, SOMEBODY, SOMEBODY) < 0 || setgroups(0, NULL) < 0 ||
		setgid(SOMEBODY) < 0 || setuid(SOMEBODY) < 0)
		return 1;
	return mode_with_group(group, &st) == 0600 && st.st_gid == SOMEBODY ? 0 : 2;
}

static void is_for_its_group_alone(void **state)
{
	const struct group *own = getgrgid(getegid());
	struct stat st;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(mode_with_group("no-such-group-here", &st), 0600);
	if (own)
		assert_int_equal(mode_with_group(own->gr_name, &st), 0660);
	if (geteuid() != 0)
		return;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(as_somebody("root"));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(chown(directory, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(places, start, stop),
		cmocka_unit_test_setup_teardown(a_dead_daemons_socket_is_replaced, start, stop),
		cmocka_unit_test_setup_teardown(is_for_its_group_alone, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
