// The show requests over a gateway put together by hand: real SAs and windows, no EAL.
#include "ctl/show.h"

#include "ctl/audit.h"
#include "ctl/gateway.h"
#include "ctl/host_if.h"
#include "ctl/icmp.h"
#include "ctl/mirror.h"
#include "ctl/path_mtu.h"
#include "ctl/punt_service.h"
#include "ctl/server.h"
#include "ctl/session.h"
#include "ctl/unresolved.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// In place of what needs DPDK or a kernel.
static struct host_if_stats host_if_counts = {
	.to_kernel_frames = 5, .from_kernel_frames = 6, .write_failed = 2, .inject_full = 1};
static const struct icmp_stats icmp_counts = {.sent = 3, .limited = 4};
static const struct path_mtu_stats path_mtu_counts = {.heard = 8, .lowered = 7};
static const struct mirror_stats mirror_counts = {
	.routes = 12, .neighbours = 7, .next_hops = 3, .managed = 2, .probes = 5};
static const struct unresolved_stats unresolved_counts = {.kept = 1, .resumed = 4, .expired = 6};
static struct policy policies[2] = {
	{.name = "web",
		.selector = {.source = {{IP_V4, {10, 1}}, 16},
			.destination = {{IP_V4, {10, 2}}, 16},
			.protocol = 6,
			.source_port = {0, 65535},
			.destination_port = {80, 88}},
		.action = POLICY_PROTECT},
	{.name = "rest",
		.selector = {.source = {{IP_V6, {0}}, 0},
			.destination = {{IP_V6, {0}}, 0},
			.protocol = SELECTOR_ANY_PROTOCOL,
			.source_port = {0, 65535},
			.destination_port = {0, 65535}},
		.action = POLICY_BYPASS},
};

const struct host_if_stats *host_if_stats(const struct host_if *host_if)
{
	(void)host_if;
	return &host_if_counts;
}

const char *host_if_name(const struct host_if *host_if)
{
	(void)host_if;
	return "vped-lan";
}

const struct icmp_stats *icmp_stats(const struct icmp *icmp, enum icmp_kind kind)
{
	(void)icmp;
	(void)kind;
	return &icmp_counts;
}

const struct unresolved_stats *unresolved_stats(const struct unresolved *unresolved)
{
	(void)unresolved;
	return &unresolved_counts;
}

const struct path_mtu_stats *path_mtu_stats(const struct path_mtu *path_mtu)
{
	(void)path_mtu;
	return &path_mtu_counts;
}

const struct mirror_stats *mirror_stats(const struct mirror *mirror)
{
	(void)mirror;
	return &mirror_counts;
}

const struct server_stats *server_stats(const struct server *server)
{
	(void)server;
	return NULL;
}

const struct punt_service_stats *punt_service_stats(const struct punt_service *service)
{
	(void)service;
	return NULL;
}

const struct policy *spd_policy(const struct spd *spd, uint32_t result)
{
	(void)spd;
	assert_in_range(result, 1, 2);
	return &policies[result - 1];
}

unsigned spd_policies(const struct spd *spd)
{
	(void)spd;
	return 2;
}

uint64_t spd_hits(const struct spd *spd, unsigned index)
{
	(void)spd;
	return 100 + index;
}

bool port_link_up(const struct port *port)
{
	return port->index == 0;
}

void port_losses(const struct port *port, struct port_losses *losses)
{
	*losses = (struct port_losses){.rx_missed = port->index + 5u, .rx_no_buffer = 7};
}

static const struct audit_record records[] = {
	{.id = 7,
		.unix_ms = 1700000000250,
		.kind = AUDIT_icv_failed,
		.event = {.has = AUDIT_HAS_SPI | AUDIT_HAS_SEQ | AUDIT_HAS_TUNNEL,
			.spi = 0xc0000001,
			.seq = UINT64_C(1) << 62,
			.source = {IP_V6, {0xfd, [15] = 2}},
			.destination = {IP_V6, {0xfd, [15] = 1}},
			.protocol = 50,
			.flow_label = 0x12345,
			.port = 1}},
	{.id = 8,
		.kind = AUDIT_clear_protected,
		.event = {.has = AUDIT_HAS_PORTS,
			.source = {IP_V4, {10, 2, 0, 2}},
			.destination = {IP_V4, {10, 1, 0, 2}},
			.protocol = 17,
			.source_port = 1000,
			.destination_port = 53,
			.port = 1}},
	{.id = 9, .kind = AUDIT_icv_failed, .more = 99},
};

uint64_t audit_newest(const struct audit *audit)
{
	(void)audit;
	return 9;
}

const struct audit_record *audit_find(const struct audit *audit, uint64_t id)
{
	(void)audit;
	return id >= 7 && id <= 9 ? &records[id - 7] : NULL;
}

static struct dataplane dp = {
	.ports = 2,
	.port = {{.name = "lan",
			 .side = PORT_PROTECTED,
			 .mtu = 1500,
			 .devices = 1,
			 .mac = {{2, 0, 0, 0, 0xab, 1}},
			 .rss = "IP addresses"},
		{.name = "wan", .side = PORT_UNPROTECTED, .index = 1, .mtu = 1400}},
	.workers = 2,
	.encrypt_index = {0, 1},
	.encrypt_worker = {0, 1},
};
static struct tunnel tunnel = {.name = "site-b", .port = 1, .path_mtu = 1300};
static struct tunnel *tunnel_places[] = {&tunnel};
static struct sa *sas[3];
static struct config_policy config_policies[2] = {{.hits = 0}, {.hits = 1000}};
static struct config config = {.policies_n = 2, .policies = config_policies};
static struct gateway gateway = {
	.config = &config,
	.dp = &dp,
	.sas = 3,
	.sa = sas,
	.tunnels = 1,
	.tunnel = tunnel_places,
	.icmp = (struct icmp *)&dp,	    // only passed on
	.path_mtu = (struct path_mtu *)&dp, // likewise
	.mirror = (struct mirror *)&dp,	    // likewise
	.unresolved = (struct unresolved *)&dp,
};
static const struct aead_engine engine = {.name = "mb"};
static struct aead_key *key;
static alignas(CACHE_LINE) uint8_t pool_memory[64 * 1024];

static struct sa *make_sa(const char *name, bool inbound, const struct proto_ops *proto)
{
	struct sa *sa = calloc(1, sizeof(*sa));

	memcpy(sa->name, name, strlen(name));
	sa->inbound = inbound;
	sa->published = true;
	sa->tunnel = &tunnel;
	sa->key = key;
	sa->params = (struct sa_params){
		.proto = proto,
		.local = {IP_V4, {192, 0, 2, 1}},
		.remote = {IP_V4, {192, 0, 2, 2}},
		.spi = 0xc0000001,
		.algorithm = AEAD_AES_256_GCM,
		.esn = proto == &esp_ops,
		.replay_window = 1024,
		.windows = inbound ? 16 : 0,
		.first = UINT64_C(1) << 62,
	};
	if (inbound)
		sa->in = sa_in_init(
			aligned_alloc(CACHE_LINE, sa_in_octets(&sa->params, &dp.sa_workers)),
			&sa->params, key, &dp.sa_workers, 0, &dp.windows);
	else
		sa->out = sa_out_init(aligned_alloc(CACHE_LINE, sa_out_octets(&dp.sa_workers)),
			&sa->params, key, &dp.sa_workers, 1500);
	return sa;
}

static int start(void **state)
{
	struct window_slot *slot;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		dp.worker[i] = aligned_alloc(CACHE_LINE, sizeof(*dp.worker[i]));
		memset(dp.worker[i], 0, sizeof(*dp.worker[i]));
		dp.worker[i]->index = (uint16_t)i;
		dp.worker[i]->role = WORKER_BOTH;
		dp.worker[i]->stats.port[0].rx_packets = 10 + i;
		dp.worker[i]->stats.port[1].tx_packets = 20 + i;
		dp.worker[i]->stats.port[1].drops[DROP_no_sa] = 1 + i;
		dp.worker[i]->stats.port[0].punts[PUNT_icmp] = 4;
	}
	dp.sa_workers = (struct sa_workers){2, 2, dp.encrypt_index, dp.encrypt_worker};
	window_pool_init(&dp.windows, pool_memory, sizeof(pool_memory));
	key = aligned_alloc(CACHE_LINE, 2 * CACHE_LINE);
	key->engine = &engine;
	policies[0].tunnel = &tunnel;
	sas[0] = make_sa("site-b out", false, &vpe_ops);
	sas[1] = make_sa("site-b in 1", true, &vpe_ops);
	sas[2] = make_sa("site-b in 2", true, &esp_ops);
	gateway.host_if[0] = (struct host_if *)&dp; // only passed on
	sas[0]->out->lane[1].packets = 7;
	sas[0]->out->lane[1].octets = 700;
	sas[0]->out->lane[1].next += 7;
	sa_out_drops(sas[0]->out, 1)[DROP_too_big] = 3;
	sas[1]->in->lane[0].packets = 2;
	sas[1]->in->lane[1].drops[DROP_replay_seen] = 1;
	assert_int_equal(
		window_claim(sas[1]->in->windows, &dp.windows, 9u | 5u << 16, 1, &slot), DROP_NONE);
	assert_int_equal(window_commit(slot, UINT64_MAX - 1), DROP_NONE);
	assert_int_equal(window_commit(slot, UINT64_MAX - 1), DROP_replay_seen);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		if (sas[i]->in)
			sa_in_fini(sas[i]->in);
		free(sas[i]->in);
		free(sas[i]->out);
		free(sas[i]);
	}
	free(dp.worker[0]);
	free(dp.worker[1]);
	free(key);
	return 0;
}

// The whole answer, or its result.
static json_t *ask(const char *question)
{
	size_t octets;
	struct session session = {.gateway = &gateway, .table = &request_table_show};
	char *line = request_answer(&session, question, strlen(question), &octets);
	json_t *answer;

	assert_non_null(line);
	assert_int_equal(line[octets - 1], '\n');
	answer = json_loadb(line, octets, 0, NULL);
	free(line);
	assert_non_null(answer);
	return answer;
}

static json_t *at(json_t *json, const char *name)
{
	json_t *found = json_object_get(json, name);

	if (!found)
		print_error("no \"%s\"\n", name);
	assert_non_null(found);
	return found;
}

#define number(json, name) json_integer_value(at(json, name))
#define text(json, name) json_string_value(at(json, name))

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

static void shows_ports_workers_and_sums(void **state)
{
	json_t *answer = ask("{\"vped\":1,\"request\":\"show-ports\"}");
	json_t *one = json_array_get(at(at(answer, "result"), "ports"), 0);

	(void)state;
	assert_string_equal(text(one, "side"), "protected");
	assert_string_equal(text(one, "mac"), "02:00:00:00:ab:01");
	assert_true(json_is_true(at(one, "link")));
	assert_int_equal(number(one, "rx_packets"), 21);
	assert_int_equal(number(at(one, "punts"), "icmp"), 8);
	assert_string_equal(text(at(one, "host_interface"), "name"), "vped-lan");
	one = json_array_get(at(at(answer, "result"), "ports"), 1);
	assert_true(json_is_null(at(one, "host_interface")));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_sas),
		cmocka_unit_test(shows_one),
		cmocka_unit_test(shows_many_by_pages),
		cmocka_unit_test(shows_policies),
		cmocka_unit_test(shows_ports_workers_and_sums),
		cmocka_unit_test(shows_events),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
