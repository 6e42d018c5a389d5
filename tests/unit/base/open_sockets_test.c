// Sockets of one family among others.
#include "base/open_sockets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SOCKETS 5

struct found {
	unsigned n;
	unsigned most;
	int fd[SOCKETS + 1];
};

static int take(int fd, void *arg, struct error *err)
{
	struct found *found = arg;

	if (found->n == found->most)
		return error_set(err, 7, "enough");
	found->fd[found->n++] = fd;
	return 0;
}

static bool has(const struct found *found, int fd)
{
	for (unsigned i = 0; i < found->n; i++)
		if (found->fd[i] == fd)
			return true;
	return false;
}

static void of_a_family(void **state)
{
	struct found none = {.most = SOCKETS + 1}, all = none, few = {.most = 2};
	struct error err = {.text = ""};
	int ours[SOCKETS], other = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	assert_true(other >= 0);
	assert_int_equal(open_sockets(AF_UNIX, take, &none, &err), 0);
	assert_int_equal(none.n, 0);
	for (unsigned i = 0; i < SOCKETS; i++)
		assert_true((ours[i] = socket(AF_UNIX, SOCK_DGRAM, 0)) >= 0);
	assert_int_equal(open_sockets(AF_UNIX, take, &all, &err), 0);
	assert_int_equal(all.n, SOCKETS);
	for (unsigned i = 0; i < SOCKETS; i++)
		assert_true(has(&all, ours[i]));
	assert_int_equal(open_sockets(AF_UNIX, take, &few, &err), -7);
	assert_string_equal(err.text, "enough");
	for (unsigned i = 0; i < SOCKETS; i++)
		close(ours[i]);
	close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
