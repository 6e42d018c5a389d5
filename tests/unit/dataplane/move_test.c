// An SA that goes on under other addresses and another SPI: numbers and windows are those of
// before, whichever of the two headers a worker sees, and either may go first.
#include "fixture.h"

static struct sa_place place_in(struct lab *lab)
{
	return (struct sa_place){
		.workers = &lab->dp->sa_workers,
		.windows = &lab->dp->windows,
		.socket = SOCKET_ID_ANY,
		.path_mtu = 1500,
	};
}

static struct sa *move(struct lab *lab, struct sa *from, struct tunnel *tunnel, const char *remote)
{
	struct sa_place place = place_in(lab);
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

static void expect_next_hop(struct lab *lab, const char *neighbour, const char *outer)
{
	struct flow flow = {.source = "10.1.0.10", .destination = "10.100.0.5"};
	struct ip_addr remote = addr_of(outer);
	struct rte_ether_addr mac = mac_of(neighbour);
	struct rte_mbuf *m;
	const uint8_t *frame;

	lab_receive_flow(lab, LAN, 0, &flow);
	lab_turn(lab, 0);
	m = lab_sent(lab, WAN, 0);
	assert_non_null(m);
	frame = rte_pktmbuf_mtod(m, const uint8_t *);
	assert_memory_equal(frame, mac.addr_bytes, RTE_ETHER_ADDR_LEN);
	assert_memory_equal(frame + ETHER + IPV4_DESTINATION, remote.octets, 4);
	rte_pktmbuf_free(m);
	expect_out(lab, 0, 0, 1, 100);
}

// While the routes stay as they are, and back again.
static void packets_go_where_it_went(void **state)
{
	struct lab *lab = *state;
	struct lab_tunnel *tunnel = &lab->tunnel[lab_tunnel(lab, &(struct lab_tunnel_params){0})];
	struct sa *moved = move(lab, tunnel->out, &tunnel->tunnel, "203.0.113.1");
	char first[IP_ADDR_TEXT];

	lab_protect(lab, 0);
	lab_publish(lab);
	ip_addr_format(&tunnel->tunnel.remote, first);
	expect_next_hop(lab, first, first);
	atomic_store(&tunnel->tunnel.out, moved->out);
	expect_next_hop(lab, "192.0.2.254", "203.0.113.1");
	atomic_store(&tunnel->tunnel.out, tunnel->out->out);
	expect_next_hop(lab, first, first);
	sa_destroy(moved);
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

// One that no table has.
static struct sa *make_in(struct lab *lab, struct lab_tunnel *tunnel)
{
	struct sa_params params = tunnel->in->params;
	struct sa_place place = place_in(lab);
	struct error err;
	struct sa *made;

	assert_int_equal(sa_create("in", true, &params, tunnel->key_in,
				 aead_choose(lab->dp->engines, params.algorithm, "auto"),
				 &tunnel->tunnel, &place, &made, &err),
		0);
	return made;
}

static void count_end(void *listener, const struct sa *body)
{
	unsigned *ends = listener;

	(*ends)++;
	assert_non_null(window_find(body->in->windows, 1));
}

// Who has leases for what the body counts hears of its end, once and not before.
static void the_last_ends(void **state)
{
	struct lab *lab = *state;
	struct lab_tunnel *tunnel = &lab->tunnel[lab_tunnel(lab, &(struct lab_tunnel_params){0})];
	struct sa *first = make_in(lab, tunnel);
	struct sa *second = move(lab, first, &tunnel->tunnel, "192.0.2.200");
	struct window_slot *slot;
	unsigned ends = 0;

	first->ends = count_end;
	first->listener = &ends;
	assert_int_equal(
		window_claim(first->in->windows, &lab->dp->windows, 1, 0, &slot), DROP_NONE);
	sa_destroy(first);
	assert_int_equal(ends, 0);
	sa_destroy(second);
	assert_int_equal(ends, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(numbers_go_on, NULL),
		LAB_TEST(packets_go_where_it_went, NULL),
		LAB_TEST(windows_go_on_without_the_first, NULL),
		LAB_TEST(the_last_ends, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
