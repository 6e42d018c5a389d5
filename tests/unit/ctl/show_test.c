// The show requests, and what they say of a gateway put together by hand.
#include "ctl/show.h"

#include "ctl/liveness_private.h"
#include "ctl/metrics_families.h"
#include "show_fixture.h"

#include <event2/buffer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void shows_sas(void **state)
{
	json_t *answer = ask("{\"vped\":1,\"request\":\"show-sa\"}");
	json_t *list = at(at(answer, "result"), "sas");
	json_t *sa = json_array_get(list, 0);
	json_t *window;

	(void)state;
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(text(sa, "name"), "site-b out");
	assert_string_equal(text(sa, "tunnel"), "site-b");
	assert_string_equal(text(sa, "direction"), "out");
	assert_string_equal(text(sa, "protocol"), "vpe");
	assert_int_equal(number(sa, "spi"), 0xc0000001);
	assert_string_equal(text(sa, "algorithm"), "aes-256-gcm");
	assert_string_equal(text(sa, "engine"), "mb");
	assert_string_equal(text(sa, "local"), "192.0.2.1");
	assert_int_equal(number(sa, "packets"), 7);
	assert_int_equal(number(sa, "octets"), 700);
	assert_int_equal(json_array_size(at(sa, "drops")), 1);
	assert_string_equal(text(json_array_get(at(sa, "drops"), 0), "reason"), "too_big");
	assert_int_equal(json_array_size(at(sa, "lanes")), 2);
	assert_string_equal(
		text(json_array_get(at(sa, "lanes"), 1), "next"), "4611686018427387911");
	assert_int_equal(number(json_array_get(at(sa, "lanes"), 1), "window_id"), 2);
	assert_int_equal(number(sa, "path_mtu"), 1300);
	assert_int_equal(number(sa, "port_mtu"), 1400);
	sa = json_array_get(list, 1);
	assert_int_equal(number(sa, "packets"), 2);
	assert_int_equal(number(at(sa, "windows"), "used"), 1);
	assert_int_equal(number(at(sa, "windows"), "max"), 16);
	window = json_array_get(at(at(sa, "windows"), "list"), 0);
	assert_int_equal(number(window, "sender_id"), 9);
	assert_int_equal(number(window, "window_id"), 5);
	assert_int_equal(number(window, "worker"), 1);
	assert_string_equal(text(window, "top"), "18446744073709551614");
	assert_int_equal(number(window, "accepted"), 1);
	assert_int_equal(number(window, "replay_seen"), 1);
	sa = json_array_get(list, 2);
	assert_true(json_is_true(at(sa, "esn")));
	assert_null(json_object_get(sa, "sender_id"));
	assert_int_equal(number(at(at(answer, "result"), "replay_pool"), "octets"), 65536);
	assert_true(number(at(at(answer, "result"), "replay_pool"), "used_octets") > 0);
	json_decref(answer);
}

// Of whom there are limits, and of what.
static void shows_lifetimes(void **state)
{
	json_t *answer, *list, *limits;

	(void)state;
	sas[1]->expired = true;
	answer = ask("{\"vped\":1,\"request\":\"show-sa\"}");
	sas[1]->expired = false;
	list = at(at(answer, "result"), "sas");
	assert_null(json_object_get(json_array_get(list, 0), "soft_lifetime"));
	assert_null(json_object_get(json_array_get(list, 0), "expired"));
	limits = at(json_array_get(list, 0), "hard_lifetime");
	assert_int_equal(number(limits, "octets"), 1000);
	assert_int_equal(json_object_size(limits), 1);
	limits = at(json_array_get(list, 1), "soft_lifetime");
	assert_int_equal(number(limits, "seconds"), 300);
	assert_int_equal(number(limits, "packets"), 5);
	assert_int_equal(json_object_size(limits), 2);
	limits = at(json_array_get(list, 1), "hard_lifetime");
	assert_int_equal(number(limits, "seconds"), 400);
	assert_int_equal(json_object_size(limits), 1);
	assert_true(json_is_true(at(json_array_get(list, 1), "expired")));
	assert_null(json_object_get(json_array_get(list, 2), "hard_lifetime"));
	json_decref(answer);
}

static void shows_one(void **state)
{
	json_t *answer = ask("{\"vped\":1,\"request\":\"show-sa\","
			     "\"arguments\":{\"name\":\"site-b in 2\"}}");

	(void)state;
	assert_int_equal(json_array_size(at(at(answer, "result"), "sas")), 1);
	json_decref(answer);
	answer = ask("{\"vped\":1,\"request\":\"show-sa\",\"arguments\":{\"name\":\"site-b\"}}");
	assert_int_equal(json_array_size(at(at(answer, "result"), "sas")), 3);
	json_decref(answer);
	answer = ask("{\"vped\":1,\"request\":\"show-sa\",\"arguments\":{\"name\":\"x\"}}");
	assert_string_equal(text(at(answer, "error"), "text"), "there is no SA or tunnel \"x\"");
	json_decref(answer);
	answer = ask("{\"vped\":1,\"request\":\"show-policy\",\"arguments\":{\"name\":\"x\"}}");
	assert_string_equal(text(at(answer, "error"), "text"), "there is no policy \"x\"");
	json_decref(answer);
}

#define MANY 1500

// Nothing is shown twice or left out, although the SA goes that the first page ends with.
static void shows_many_by_pages(void **state)
{
	static struct sa many[MANY];
	static struct sa *list[MANY];
	struct gateway before = gateway;
	json_int_t after = 0;
	unsigned shown = 0, pages = 0;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		many[i] = *sas[0];
		many[i].serial = 3 * i + 1;
		many[i].params.spi = i;
		list[i] = &many[i];
	}
	gateway.sa = list;
	gateway.sas = MANY;
	do {
		char question[128];
		json_t *answer, *result, *sa;
		size_t i;

		snprintf(question, sizeof(question),
			"{\"vped\":1,\"request\":\"show-sa\",\"arguments\":{\"after\":%u}}",
			(unsigned)after);
		answer = ask(question);
		result = at(answer, "result");
		json_array_foreach(at(result, "sas"), i, sa)
		{
			assert_int_equal(number(sa, "spi"), shown++);
		}
		after = json_integer_value(json_object_get(result, "more"));
		json_decref(answer);
		if (pages++ == 0) {
			gateway.sas--;
			memmove(list + shown - 1, list + shown, (MANY - shown) * sizeof(list[0]));
		}
	} while (after > 0);
	assert_int_equal(shown, MANY);
	assert_true(pages > 2);
	gateway = before;
}

static json_t *ask_after(const char *request, const char *after)
{
	char question[128];

	snprintf(question, sizeof(question),
		"{\"vped\":1,\"request\":\"%s\",\"arguments\":{\"after\":\"%s\"}}", request, after);
	return ask(question);
}

// Tunnel i is called "ti".
static void make_tunnels(struct config_tunnel many[MANY], struct tunnel live[MANY])
{
	for (unsigned i = 0; i < MANY; i++) {
		live[i] = *gateway.config->tunnels[0].live;
		snprintf(live[i].name, sizeof(live[i].name), "t%u", i);
		many[i] = (struct config_tunnel){.live = &live[i]};
		memcpy(many[i].name, live[i].name, sizeof(many[i].name));
	}
}

static void expect_tunnels(json_t *answer, unsigned *shown)
{
	json_t *tunnel;
	size_t i;

	json_array_foreach(at(at(answer, "result"), "tunnels"), i, tunnel)
	{
		char name[TUNNEL_NAME];

		snprintf(name, sizeof(name), "t%u", (*shown)++);
		assert_string_equal(text(tunnel, "name"), name);
	}
}

// Nothing that stays is shown twice or left out, whatever goes before it meanwhile.
static void shows_tunnels_by_pages(void **state)
{
	static struct config_tunnel many[MANY];
	static struct tunnel live[MANY];
	struct config before;
	json_t *answer = NULL;
	unsigned shown = 0, pages = 0;
	const char *more;

	(void)state;
	name_index_forget(&gateway.config->tunnel_names);
	before = *gateway.config;
	make_tunnels(many, live);
	gateway.config->tunnels = many;
	gateway.config->tunnels_n = MANY;
	do {
		json_t *last = answer;

		answer = last ? ask_after("show-tunnels", more)
			      : ask("{\"vped\":1,\"request\":\"show-tunnels\"}");
		json_decref(last);
		expect_tunnels(answer, &shown);
		more = json_string_value(json_object_get(at(answer, "result"), "more"));
		memmove(many, many + 1, --gateway.config->tunnels_n * sizeof(many[0]));
		name_index_forget(&gateway.config->tunnel_names);
		pages++;
	} while (more);
	json_decref(answer);
	assert_int_equal(shown, MANY);
	assert_int_equal(pages, (MANY + SHOW_ROWS - 1) / SHOW_ROWS);
	answer = ask_after("show-tunnels", "t0");
	assert_string_equal(text(at(answer, "error"), "text"),
		"there is no tunnel \"t0\" any more to go on after; ask from the beginning");
	json_decref(answer);
	name_index_forget(&gateway.config->tunnel_names);
	*gateway.config = before;
}

static void shows_policies_behind_one(void **state)
{
	json_t *answer = ask_after("show-policy", "web");
	json_t *list = at(at(answer, "result"), "policies");

	(void)state;
	assert_int_equal(json_array_size(list), 1);
	assert_int_equal(number(json_array_get(list, 0), "order"), 2);
	assert_string_equal(text(json_array_get(list, 0), "name"), "rest");
	assert_string_equal(text(at(answer, "result"), "otherwise"), "discard");
	assert_null(json_object_get(at(answer, "result"), "more"));
	json_decref(answer);
}

static void shows_policies(void **state)
{
	json_t *answer = ask("{\"vped\":1,\"request\":\"show-policy\"}");
	json_t *list = at(at(answer, "result"), "policies");
	json_t *policy = json_array_get(list, 0);

	(void)state;
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(number(policy, "order"), 1);
	assert_string_equal(text(policy, "source"), "10.1.0.0/16");
	assert_int_equal(number(policy, "protocol"), 6);
	assert_int_equal(
		json_integer_value(json_array_get(at(policy, "destination_ports"), 1)), 88);
	assert_string_equal(text(policy, "action"), "protect");
	assert_string_equal(text(policy, "tunnel"), "site-b");
	assert_int_equal(number(policy, "hits"), 100);
	policy = json_array_get(list, 1);
	assert_string_equal(text(policy, "destination"), "::/0");
	assert_string_equal(text(policy, "protocol"), "any");
	assert_null(json_object_get(policy, "tunnel"));
	assert_null(json_object_get(policy, "source_ports"));
	json_decref(answer);
}

static void shows_tunnels(void **state)
{
	struct probe probe = {
		.settings = {.peer = {IP_V4, {10, 2, 0, 1}},
			.local = {IP_V4, {10, 1, 0, 1}},
			.routes_n = 2,
			.route = {{.prefix = {{IP_V4, {10, 2}}, 16},
					  .via = {IP_V4, {192, 0, 2, 2}},
					  .metric = 70},
				{.prefix = {{IP_V4, {10, 3}}, 16},
					.via = {IP_V4, {192, 0, 2, 2}}}}},
		.state = LIVENESS_down,
		.since = {.tv_sec = 1790000000, .tv_nsec = 500000000},
		.hindered = "why",
		.asked = 9,
		.answered = 8,
		.rtt_us = 1500,
		.route = {{.ours = true}, {.wrong = 17}},
	};
	json_t *answer = ask("{\"vped\":1,\"request\":\"show-tunnels\"}");
	json_t *one = json_array_get(at(at(answer, "result"), "tunnels"), 0);
	json_t *route;

	(void)state;
	assert_string_equal(text(one, "name"), "site-b");
	assert_string_equal(text(one, "port"), "wan");
	assert_int_equal(number(one, "path_mtu"), 1300);
	assert_true(json_is_true(at(one, "outbound")));
	assert_int_equal(number(one, "inbound"), 2);
	assert_true(json_is_null(at(one, "probe")));
	json_decref(answer);
	gateway.config->tunnels[0].live->probe = &probe;
	answer = ask("{\"vped\":1,\"request\":\"show-tunnels\","
		     "\"arguments\":{\"name\":\"site-b\"}}");
	one = at(json_array_get(at(at(answer, "result"), "tunnels"), 0), "probe");
	assert_string_equal(text(one, "peer"), "10.2.0.1");
	assert_string_equal(text(one, "local"), "10.1.0.1");
	assert_string_equal(text(one, "state"), "down");
	assert_string_equal(text(one, "hindered"), "why");
	assert_true(json_real_value(at(one, "since")) == 1790000000.5);
	assert_true(json_real_value(at(one, "rtt_ms")) == 1.5);
	assert_int_equal(number(one, "asked"), 9);
	assert_int_equal(number(one, "answered"), 8);
	route = json_array_get(at(one, "routes"), 0);
	assert_string_equal(text(route, "prefix"), "10.2.0.0/16");
	assert_string_equal(text(route, "via"), "192.0.2.2");
	assert_int_equal(number(route, "metric"), 70);
	assert_true(json_is_true(at(route, "present")));
	assert_null(json_object_get(route, "wrong"));
	route = json_array_get(at(one, "routes"), 1);
	assert_true(json_is_false(at(route, "present")));
	assert_string_equal(text(route, "wrong"), "File exists");
	json_decref(answer);
	gateway.config->tunnels[0].live->probe = NULL;
	answer = ask("{\"vped\":1,\"request\":\"show-tunnels\",\"arguments\":{\"name\":\"x\"}}");
	assert_string_equal(text(at(answer, "error"), "text"), "there is no tunnel \"x\"");
	json_decref(answer);
}

static void shows_ports_workers_and_sums(void **state)
{
	json_t *answer = ask("{\"vped\":1,\"request\":\"show-ports\"}");
	json_t *one = json_array_get(at(at(answer, "result"), "ports"), 0);
	json_t *member;

	(void)state;
	assert_string_equal(text(one, "side"), "protected");
	assert_string_equal(text(one, "mac"), "02:00:00:00:ab:01");
	assert_true(json_is_true(at(one, "link")));
	assert_int_equal(number(one, "rx_packets"), 21);
	assert_int_equal(number(at(one, "punts"), "icmp"), 8);
	assert_string_equal(text(at(one, "host_interface"), "name"), "vped-lan");
	assert_null(json_object_get(one, "bond"));
	one = json_array_get(at(at(answer, "result"), "ports"), 1);
	assert_true(json_is_null(at(one, "host_interface")));
	assert_string_equal(text(at(one, "bond"), "mode"), "802.3ad");
	member = json_array_get(at(at(one, "bond"), "members"), 1);
	assert_string_equal(text(member, "device"), "6");
	assert_string_equal(text(member, "state"), "standby");
	assert_true(json_is_false(at(member, "up")));
	assert_int_equal(number(json_array_get(at(one, "drops"), 0), "packets"), 3);
	assert_int_equal(number(at(one, "device_losses"), "rx_missed"), 6);
	assert_int_equal(number(at(one, "device_losses"), "rx_no_buffer"), 7);
	json_decref(answer);
	answer = ask("{\"vped\":1,\"request\":\"show-workers\"}");
	one = json_array_get(at(at(answer, "result"), "workers"), 1);
	assert_string_equal(text(one, "role"), "both");
	assert_int_equal(number(one, "rx_packets"), 11);
	assert_int_equal(number(one, "tx_packets"), 21);
	assert_int_equal(number(json_array_get(at(one, "drops"), 0), "packets"), 2);
	json_decref(answer);
	answer = ask("{\"vped\":1,\"request\":\"show-stats\"}");
	one = at(answer, "result");
	assert_int_equal(number(at(one, "protected"), "rx_packets"), 21);
	assert_int_equal(number(at(one, "unprotected"), "tx_packets"), 41);
	assert_int_equal(number(at(at(one, "icmp"), "too_big"), "sent"), 3);
	assert_int_equal(number(at(one, "path_mtu"), "heard"), 8);
	assert_int_equal(number(at(one, "path_mtu"), "lowered"), 7);
	assert_int_equal(number(at(one, "mirror"), "routes"), 12);
	assert_int_equal(number(at(one, "neighbours"), "known"), 7);
	assert_int_equal(number(at(one, "neighbours"), "next_hops"), 3);
	assert_int_equal(number(at(one, "neighbours"), "managed"), 2);
	assert_int_equal(number(at(one, "neighbours"), "probes"), 5);
	assert_int_equal(number(at(one, "neighbours"), "waiting"), 1);
	assert_int_equal(number(at(one, "neighbours"), "resumed"), 4);
	assert_int_equal(number(at(one, "neighbours"), "expired"), 6);
	assert_int_equal(number(at(one, "control"), "to_kernel_frames"), 5);
	assert_int_equal(number(at(one, "replay_pool"), "octets"), 65536);
	assert_int_equal(number(at(one, "journal"), "records"), 126);
	assert_int_equal(number(at(one, "journal"), "used"), 40);
	assert_int_equal(number(at(one, "journal"), "kept"), 64);
	assert_false(json_is_true(at(at(one, "journal"), "failed")));
	// no_sa of the workers, inject_full and host_write of the control thread.
	assert_int_equal(json_array_size(at(one, "drops")), 3);
	assert_true(json_is_real(at(one, "uptime_s")));
	json_decref(answer);
}

static void shows_events(void **state)
{
	json_t *answer = ask("{\"vped\":1,\"request\":\"show-events\","
			     "\"arguments\":{\"since\":6}}");
	json_t *list = at(at(answer, "result"), "events");
	json_t *event = json_array_get(list, 0);

	(void)state;
	assert_int_equal(json_array_size(list), 3);
	assert_int_equal(number(event, "id"), 7);
	assert_string_equal(text(event, "kind"), "icv_failed");
	assert_string_equal(text(event, "text"), "authentication failed");
	assert_true(json_real_value(at(event, "time")) == 1700000000.25);
	assert_string_equal(text(event, "port"), "wan");
	assert_string_equal(text(event, "tunnel"), "site-b");
	assert_int_equal(number(event, "spi"), 0xc0000001);
	assert_string_equal(text(event, "sequence"), "4611686018427387904");
	assert_string_equal(text(event, "source"), "fd00::2");
	assert_string_equal(text(event, "destination"), "fd00::1");
	assert_int_equal(number(event, "flow_label"), 0x12345);
	assert_null(json_object_get(event, "source_port"));
	event = json_array_get(list, 1);
	assert_null(json_object_get(event, "spi"));
	assert_null(json_object_get(event, "tunnel"));
	assert_null(json_object_get(event, "flow_label"));
	assert_int_equal(number(event, "destination_port"), 53);
	event = json_array_get(list, 2);
	assert_int_equal(number(event, "more"), 99);
	assert_null(json_object_get(event, "source"));
	json_decref(answer);
	answer = ask("{\"vped\":1,\"request\":\"show-events\",\"arguments\":{\"since\":8}}");
	assert_int_equal(json_array_size(at(at(answer, "result"), "events")), 1);
	json_decref(answer);
	answer = ask("{\"vped\":1,\"request\":\"show-events\",\"arguments\":{\"since\":9}}");
	assert_int_equal(json_array_size(at(at(answer, "result"), "events")), 0);
	json_decref(answer);
	answer = ask("{\"vped\":1,\"request\":\"show-events\",\"arguments\":{\"since\":-1}}");
	assert_non_null(strstr(text(at(answer, "error"), "text"), "\"since\""));
	json_decref(answer);
}

// Partners that do not agree are as good as none; others wait for their turn.
static void measures_members(void **state)
{
	struct metrics_text metrics = {.to = evbuffer_new()};

	(void)state;
	metrics_of_ports(&metrics, &gateway);
	gateway.dp->port[1].bond = PORT_BOND_ACTIVE_BACKUP;
	metrics_of_ports(&metrics, &gateway);
	gateway.dp->port[1].bond = PORT_BOND_LACP;
	evbuffer_add(metrics.to, "", 1);
	assert_non_null(strstr((const char *)evbuffer_pullup(metrics.to, -1),
		"vped_port_member_up{port=\"wan\",member=\"5\"} 1\n"
		"vped_port_member_up{port=\"wan\",member=\"6\"} 0\n"));
	assert_non_null(strstr((const char *)evbuffer_pullup(metrics.to, -1),
		"vped_port_member_up{port=\"wan\",member=\"6\"} 1\n"));
	evbuffer_free(metrics.to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_sas),
		cmocka_unit_test(shows_lifetimes),
		cmocka_unit_test(shows_one),
		cmocka_unit_test(shows_many_by_pages),
		cmocka_unit_test(shows_tunnels_by_pages),
		cmocka_unit_test(shows_policies),
		cmocka_unit_test(shows_policies_behind_one),
		cmocka_unit_test(shows_tunnels),
		cmocka_unit_test(shows_ports_workers_and_sums),
		cmocka_unit_test(measures_members),
		cmocka_unit_test(shows_events),
	};

	return cmocka_run_group_tests(tests, show_open, show_close);
}
