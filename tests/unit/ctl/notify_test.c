// Peers that moved, as workers find them: told once a second for each tunnel, and no packet twice.
#include "ctl/notify.h"

#include "ctl/gateway.h"
#include "ctl/limiter.h"
#include "ctl/server.h"
#include "ctl/show.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS 2

static struct worker workers[WORKERS];
static struct dataplane dataplane = {.workers = WORKERS};
static struct tunnel tunnels[2] = {{.name = "a"}, {.name = "b"}};
static struct tunnel *by_index[4] = {&tunnels[0], &tunnels[1]};
static struct gateway gateway = {.dp = &dataplane, .tunnel = by_index, .tunnels = 4};
static unsigned told;
static char tunnel_told[TUNNEL_NAME];
static json_int_t spi_told;

void server_notify(struct server *server, const json_t *event)
{
	// Both sockets.
	assert_null(server);
	assert_string_equal(json_string_value(json_object_get(event, "kind")), "peer-address");
	assert_string_equal(json_string_value(json_object_get(event, "direction")), "in");
	assert_string_equal(json_string_value(json_object_get(event, "source")), "192.0.2.9");
	snprintf(tunnel_told, sizeof(tunnel_told), "%s",
		json_string_value(json_object_get(event, "tunnel")));
	spi_told = json_integer_value(json_object_get(event, "spi"));
	told++;
}

json_t *show_addr(const struct ip_addr *addr)
{
	char text[IP_ADDR_TEXT];

	return json_string(ip_addr_format(addr, text));
}

static unsigned tell(unsigned worker, uint16_t tunnel, uint32_t spi, uint64_t seq)
{
	unsigned before = told;
	struct audit_box *box = &workers[worker].peer_address;

	box->event = (struct audit_event){.spi = spi, .seq = seq, .tunnel = tunnel};
	assert_int_equal(ip_addr_parse("192.0.2.9", &box->event.source), 0);
	assert_int_equal(ip_addr_parse("192.0.2.1", &box->event.destination), 0);
	atomic_store(&box->full, true);
	notify_peer_addresses(&gateway);
	assert_false(atomic_load(&box->full));
	return (told - before) / 2;
}

static int start(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORKERS; i++)
		dataplane.worker[i] = &workers[i];
	for (unsigned i = 0; i < 2; i++) {
		tunnels[i].moved_ms = tunnels[i].moved_spi = 0;
		tunnels[i].moved_seq = 0;
	}
	return 0;
}

static void a_second_later(struct tunnel *tunnel)
{
	tunnel->moved_ms -= 1000;
}

static void once_a_second(void **state)
{
	(void)state;
	assert_int_equal(tell(0, 0, 7, 10), 1);
	assert_string_equal(tunnel_told, "a");
	assert_int_equal(spi_told, 7);
	assert_int_equal(tell(0, 0, 7, 11), 0);
	assert_int_equal(tell(1, 1, 8, 11), 1);
	assert_string_equal(tunnel_told, "b");
	a_second_later(&tunnels[0]);
	assert_int_equal(tell(1, 0, 7, 12), 1);
}

static void no_packet_twice(void **state)
{
	(void)state;
	assert_int_equal(tell(0, 0, 7, 10), 1);
	a_second_later(&tunnels[0]);
	assert_int_equal(tell(1, 0, 7, 10), 0);
	assert_int_equal(tell(1, 0, 7, 9), 0);
	assert_int_equal(tell(1, 0, 9, 1), 1);
}

// Gone since the worker saw its packet.
static void tunnels_that_are_gone(void **state)
{
	(void)state;
	assert_int_equal(tell(0, 2, 7, 10), 0);
	assert_int_equal(tell(0, 4, 7, 10), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(once_a_second, start),
		cmocka_unit_test_setup(no_packet_twice, start),
		cmocka_unit_test_setup(tunnels_that_are_gone, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
