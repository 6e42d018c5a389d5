// Creating a data plane that cannot be: the reason is said, nothing is left behind, and the next
// one can be made.
#include "fixture.h"

#include <errno.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

// The rings and devices are there, a data plane is not yet.
static struct lab *ports_only(const struct lab_params *params)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	assert_non_null(lab);
	if (params != NULL)
		lab->params = *params;
	lab_open_ports(lab);
	return lab;
}

static size_t heap_used(void)
{
	struct rte_malloc_socket_stats stats;

	assert_int_equal(rte_malloc_get_socket_stats(0, &stats), 0);
	return stats.heap_allocsz_bytes;
}

static void nothing_left(size_t before)
{
	assert_null(rte_mempool_lookup("buffers"));
	assert_int_equal(heap_used(), before);
}

static void one_good(void)
{
	lab_close(lab_open(NULL));
}

static void refused(const struct lab_params *lab_params, void (*spoil)(struct dataplane_params *),
	int rc, const char *text)
{
	struct lab *lab = ports_only(lab_params);
	struct dataplane_params *params = lab_dataplane_params(lab);
	size_t before = heap_used();
	struct dataplane *dp = NULL;
	struct error err = {.text = ""};

	if (spoil != NULL)
		spoil(params);
	assert_int_equal(dataplane_create(params, &dp, &err), rc);
	assert_null(dp);
	if (strstr(err.text, text) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, text);
	// The devices' own memory goes when they are closed.
	assert_true(heap_used() <= before);
	lab_close_ports(lab);
	free(lab);
	one_good();
}

static void missing_device(struct dataplane_params *params)
{
	struct port_params *ports = (struct port_params *)(uintptr_t)params->port;

	snprintf(ports[WAN].device[0], PORT_DEVICE_NAME, "net_ring_nowhere");
}

static void too_many_buffers(struct dataplane_params *params)
{
	params->buffers = 4000000;
}

static void too_large_pool(struct dataplane_params *params)
{
	params->replay_pool_kb = 4000000;
}

static void one_port(struct dataplane_params *params)
{
	params->ports = 1;
}

static void same_device_twice(struct dataplane_params *params)
{
	struct port_params *ports = (struct port_params *)(uintptr_t)params->port;

	memcpy(ports[WAN].device[0], ports[LAN].device[0], PORT_DEVICE_NAME);
}

static void refusals(void **state)
{
	static const struct lab_params idle = {.roles = "bb", .rx = {1, 1}};
	static const struct lab_params encrypt_only = {.roles = "ee", .rx = {2, 2}};
	static const struct lab_params decrypt_only = {.roles = "d"};

	(void)state;
	refused(NULL, missing_device, -ENODEV,
		"port wan: device net_ring_nowhere: device not found");
	refused(NULL, too_many_buffers, -ENOMEM, "4000000 buffers");
	refused(NULL, too_large_pool, -ENOMEM, "replay.pool_kb = 4000000");
	refused(&idle, NULL, -EINVAL, "lcore 2 has no receive queue");
	// A side that nobody polls.
	refused(&encrypt_only, NULL, -EINVAL, "port wan");
	refused(&decrypt_only, NULL, -EINVAL, "port lan");
	refused(&(struct lab_params){.roles = "ed"}, one_port, -EINVAL, "no receive queue");
}

static void device_of_two_ports(void **state)
{
	struct lab *lab = ports_only(NULL);
	struct dataplane_params *params = lab_dataplane_params(lab);
	struct error err = {.text = ""};
	struct dataplane *dp = NULL;

	(void)state;
	same_device_twice(params);
	assert_int_not_equal(dataplane_create(params, &dp, &err), 0);
	assert_non_null(strstr(err.text, "port wan"));
	lab_close_ports(lab);
	free(lab);
	one_good();
}

static void all_given_back(void **state)
{
	size_t before;

	(void)state;
	one_good();
	before = heap_used();
	for (unsigned i = 0; i < 5; i++) {
		struct lab *lab = lab_open(&(struct lab_params){.roles = "bbb"});

		lab_tunnel(lab, NULL);
		lab_protect(lab, 0);
		lab_publish(lab);
		lab_close(lab);
	}
	nothing_left(before);
}

// Packets still in every kind of ring when it ends.
static void packets_in_rings(void **state)
{
	struct lab *lab = lab_open(&(struct lab_params){.roles = "bb"});
	struct flow flow = {.source = "10.100.0.5", .destination = "10.1.0.10"};
	struct flow to_us = {
		.source = "192.0.2.7", .destination = "192.0.2.1", .destination_port = 500};
	unsigned cached;

	(void)state;
	lab_tunnel(lab, NULL);
	lab_protect(lab, 0);
	lab_publish(lab);
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
	lab_turn(lab, 0);
	rte_pktmbuf_free(lab_sent(lab, LAN, 0));
	for (unsigned i = 0; i < 20; i++)
		lab_receive(lab, WAN, 1, peer_seal_flow(lab, 0, 0, &flow));
	lab_receive_flow(lab, WAN, 1, &to_us);
	lab_turn(lab, 1);
	cached = rte_mempool_avail_count(lab->dp->pool);
	assert_int_equal(cached, lab->buffers - 21);
	// The data plane takes them with it.
	for (unsigned i = 0; i < lab->tunnels; i++) {
		sa_destroy(lab->tunnel[i].out);
		sa_destroy(lab->tunnel[i].in);
		sa_destroy(lab->tunnel[i].peer_out);
		sa_destroy(lab->tunnel[i].peer_in);
	}
	dataplane_destroy(lab->dp);
	lab_close_ports(lab);
	aead_ctx_destroy(lab->aead);
	free(lab->peer_windows.memory);
	free(lab);
	one_good();
}

struct span {
	uintptr_t first;
	uintptr_t end;
};

static void widen(struct rte_mempool *pool, void *arg, void *buffer, unsigned index)
{
	uintptr_t at = (uintptr_t)buffer - pool->header_size;
	uintptr_t end = (uintptr_t)buffer + pool->elt_size + pool->trailer_size;
	struct span *span = arg;

	if (index == 0 || at < span->first)
		span->first = at;
	if (index == 0 || end > span->end)
		span->end = end;
}

// net_af_xdp counts on it.
static void buffers_side_by_side(void **state)
{
	struct lab *lab = lab_open(NULL);
	struct rte_mempool *pool = lab->dp->pool;
	size_t octets = pool->header_size + pool->elt_size + pool->trailer_size;
	unsigned buffers = LAB_BUFFERS + REASSEMBLY_ENTRIES + PARK_MAX;
	struct span span = {0};

	(void)state;
	assert_int_equal(rte_mempool_obj_iter(pool, widen, &span), buffers);
	assert_int_equal(pool->nb_mem_chunks, 1);
	assert_true(span.end - span.first <= buffers * octets);
	lab_close(lab);
}

static void found_by_name(void **state)
{
	struct lab *lab = lab_open(NULL);

	(void)state;
	assert_true(port_link_up(&lab->dp->port[LAN]));
	lab_close(lab);
	dataplane_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_given_back),
		cmocka_unit_test(refusals),
		cmocka_unit_test(device_of_two_ports),
		cmocka_unit_test(packets_in_rings),
		cmocka_unit_test(buffers_side_by_side),
		cmocka_unit_test(found_by_name),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
