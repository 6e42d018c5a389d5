// What the kernel says by netlink is what it says by /proc, and too many tunnels for it are warned
// of.
#include "ctl/neighbour_room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOSTS 512

static void room(void **state)
{
	static const uint8_t families[] = {IP_V4, IP_V6};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		char path[64];
		unsigned said;
		FILE *file;

		assert_true(neighbour_room(families[i]) > 0);
		snprintf(path, sizeof(path), "/proc/sys/net/ipv%u/neigh/default/gc_thresh3",
			families[i]);
		file = fopen(path, "r");
		if (!file)
			continue; // not in the first namespace
		assert_int_equal(fscanf(file, "%u", &said), 1);
		fclose(file);
		assert_int_equal(neighbour_room(families[i]), said);
	}
}

static void warns(void **state)
{
	unsigned room4 = neighbour_room(IP_V4), room6 = neighbour_room(IP_V6);
	unsigned fit = (room4 > room6 ? room4 : room6);
	struct ip_addr *remote = calloc(2 * fit, sizeof(remote[0]));

	(void)state;
	assert_true(room4 > HOSTS && room6 > HOSTS);
	for (unsigned i = 0; i < 2 * fit; i++)
		remote[i].family = i % 2 == 0 ? IP_V4 : IP_V6;
	assert_int_equal(neighbour_room_check(remote, 0), 0);
	assert_int_equal(neighbour_room_check(remote, 2 * (room4 - HOSTS) - 1), room6 < room4);
	assert_int_equal(neighbour_room_check(remote, 2 * fit), 2);
	for (unsigned i = 0; i < fit; i++)
		remote[i].family = IP_V4;
	assert_int_equal(neighbour_room_check(remote, room4 - HOSTS), 0);
	assert_int_equal(neighbour_room_check(remote, room4 - HOSTS + 1), 1);
	free(remote);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(room),
		cmocka_unit_test(warns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
