// Clients of a control socket, of many users: who has a place, and who makes room.
#include "server_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ECHO Q("{\"vped\":1,\"request\":\"echo\"}")

static void many_clients(void **state)
{
	int fd[SERVER_CLIENTS_MAX + 10];
	char line[256];

	(void)state;
	for (unsigned i = 0; i < SERVER_CLIENTS_MAX + 10; i++) {
		fd[i] = client_open();
		run_ms(1);
	}
	assert_int_equal(server_stats(server)->now, SERVER_CLIENTS_MAX);
	assert_int_equal(server_stats(server)->refused, 10);
	assert_true(pull(fd[SERVER_CLIENTS_MAX], line, sizeof(line)));
	assert_non_null(strstr(line, "too many clients"));
	assert_answer(fd[0], ECHO, "result");
	// After a while the one that has asked nothing for longest makes room.
	run_ms(SERVER_IDLE_S * 1000 - 500);
	assert_answer(fd[0], ECHO, "result");
	run_ms(600);
	close(fd[SERVER_CLIENTS_MAX]);
	fd[SERVER_CLIENTS_MAX] = client_open();
	assert_answer(fd[SERVER_CLIENTS_MAX], ECHO, "result");
	assert_true(ended(fd[1]));
	assert_answer(fd[0], ECHO, "result");
	for (unsigned i = 0; i < SERVER_CLIENTS_MAX + 10; i++)
		close(fd[i]);
	run_ms(20);
	assert_int_equal(server_stats(server)->now, 0);
}

static int connected_as(uid_t user)
{
	int fd;

	uid = user;
	fd = client_open();
	run_ms(1);
	return fd;
}

static void assert_refused(int fd, const char *why)
{
	char line[256];

	assert_true(pull(fd, line, sizeof(line)));
	if (!strstr(line, why))
		fail_msg("%s is not about \"%s\"", line, why);
	assert_true(ended(fd));
	close(fd);
}

// One who takes all that he may leaves others a place, and his own longest idle one makes room.
static void a_user_has_some_places(void **state)
{
	int fd[SERVER_CLIENTS_USER], other, late;

	(void)state;
	other = connected_as(1001);
	for (unsigned i = 0; i < SERVER_CLIENTS_USER; i++)
		fd[i] = connected_as(1000);
	assert_refused(
		connected_as(1000), "user 1000 has 16 connections, as many as one user may have");
	ahead_ms = 1000 * SERVER_IDLE_S + 500;
	for (unsigned i = 1; i < SERVER_CLIENTS_USER; i++)
		assert_answer(fd[i], ECHO, "result");
	late = connected_as(1000);
	assert_answer(late, ECHO, "result");
	assert_true(ended(fd[0]));
	// It was his, although another had asked nothing for longer.
	assert_answer(other, ECHO, "result");
	assert_int_equal(server_stats(server)->now, SERVER_CLIENTS_USER + 1);
	ahead_ms = 0;
	for (unsigned i = 0; i < SERVER_CLIENTS_USER; i++)
		close(fd[i]);
	close(other);
	close(late);
}

// Many users at once: root finds a place, and all others none.
static void root_finds_a_place(void **state)
{
	int fd[SERVER_CLIENTS_MAX];

	(void)state;
	for (unsigned i = 0; i < SERVER_CLIENTS_MAX - SERVER_CLIENTS_ROOT; i++)
		fd[i] = connected_as(1000 + i / 8);
	assert_refused(connected_as(2000), "too many clients; try again");
	for (unsigned i = SERVER_CLIENTS_MAX - SERVER_CLIENTS_ROOT; i < SERVER_CLIENTS_MAX; i++)
		fd[i] = connected_as(0);
	assert_answer(fd[SERVER_CLIENTS_MAX - 1], ECHO, "result");
	assert_int_equal(server_stats(server)->refused, 1);
	assert_refused(connected_as(0), "too many clients; try again");
	// Root's idle ones are no use to others.
	ahead_ms = 1000 * SERVER_IDLE_S + 500;
	for (unsigned i = 0; i < SERVER_CLIENTS_MAX - SERVER_CLIENTS_ROOT; i++)
		assert_answer(fd[i], ECHO, "result");
	assert_refused(connected_as(2000), "too many clients; try again");
	assert_int_equal(server_stats(server)->closed, 0);
	ahead_ms = 0;
	for (unsigned i = 0; i < SERVER_CLIENTS_MAX; i++)
		close(fd[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		served(many_clients),
		served(a_user_has_some_places),
		served(root_finds_a_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
