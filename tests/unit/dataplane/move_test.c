// An SA that goes on under other addresses and another SPI: numbers and windows are those of
// before, whichever of the two headers a worker sees, and either may go first.
#include "fixture.h"

static struct sa *move(struct lab *lab, struct sa *from, struct tunnel *tunnel, const char *remote)
{
	struct sa_place place = {
		.workers = &lab->dp->sa_workers,
		.windows = &lab->dp->windows,
		.socket = SOCKET_ID_ANY,
		.path_mtu = 1500,
	};
	struct sa_params params = from->params;
	struct error err;
	struct sa *moved;

	params.remote = addr_of(remote);
	params.spi++;
	assert_int_equal(sa_move(from, "moved", &params, tunnel, &place, &moved, &err), 0);
	return moved;
}

static void numbers_go_on(void **state)
{
	struct lab *lab = *state;
	struct lab_tunnel *tunnel = &lab->tunnel[lab_tunnel(lab, &(struct lab_tunnel_params){0})];
	struct sa *moved = move(lab, tunnel->out, &tunnel->tunnel, "192.0.2.200");

	assert_ptr_equal(moved->out->lane, tunnel->out->out->lane);
	assert_ptr_equal(moved->out->key, tunnel->out->out->key);
	assert_int_equal(moved->out->spi, tunnel->out->out->spi + 1);
	assert_int_equal(moved->out->owner, tunnel->out->out->owner);
	assert_true(ip_addr_equal(&moved->out->remote, &moved->params.remote));
	assert_int_equal(moved->body->users, 2);
	sa_destroy(moved);
	assert_int_equal(tunnel->out->users, 1);
}

static void windows_go_on_without_the_first(void **state)
{
	struct lab *lab = *state;
	struct lab_tunnel *tunnel = &lab->tunnel[lab_tunnel(lab, &(struct lab_tunnel_params){0})];
	size_t used = window_pool_used(&lab->dp->windows);
	struct window_slot *slot;
	struct sa *first = tunnel->in;
	struct sa *second = move(lab, first, &tunnel->tunnel, "192.0.2.200");
	struct sa *third = move(lab, second, &tunnel->tunnel, "192.0.2.201");

	assert_int_equal(
		window_claim(first->in->windows, &lab->dp->windows, 1, 0, &slot), DROP_NONE);
	assert_int_equal(window_commit(slot, 5), DROP_NONE);
	sa_destroy(first);
	sa_destroy(second);
	slot = window_find(third->in->windows, 1);
	assert_non_null(slot);
	assert_int_equal(window_commit(slot, 5), DROP_replay_seen);
	assert_int_equal(window_commit(slot, 6), DROP_NONE);
	assert_true(ip_addr_equal(&third->in->remote, &third->params.remote));
	// The lab frees it in place of the first.
	tunnel->in = third;
	assert_true(window_pool_used(&lab->dp->windows) > used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(numbers_go_on, NULL),
		LAB_TEST(windows_go_on_without_the_first, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
