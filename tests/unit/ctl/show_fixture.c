// The gateway of show_fixture.h, and what stands in for its parts that need DPDK or a kernel.
#include "show_fixture.h"

#include "ctl/show.h"

#include "ctl/audit.h"
#include "ctl/host_if.h"
#include "ctl/icmp.h"
#include "ctl/journal_service.h"
#include "ctl/mirror.h"
#include "ctl/path_mtu.h"
#include "ctl/punt_service.h"
#include "ctl/server.h"
#include "ctl/session.h"
#include "ctl/unresolved.h"
#include "dataplane/port_bond.h"

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

bool journal_service_usage(const struct journal_service *service, struct leases_usage *usage)
{
	(void)service;
	*usage = (struct leases_usage){.records = 126, .used = 40, .kept = 64};
	return true;
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

enum port_member_state port_bond_member(const struct port *port, uint16_t i)
{
	(void)port;
	return i == 0 ? PORT_MEMBER_ACTIVE : PORT_MEMBER_STANDBY;
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
		{.name = "wan",
			.side = PORT_UNPROTECTED,
			.index = 1,
			.mtu = 1400,
			.bond = PORT_BOND_LACP,
			.members = 2,
			.member = {5, 6}}},
	.workers = 2,
	.encrypt_index = {0, 1},
	.encrypt_worker = {0, 1},
};
static struct tunnel tunnel = {.name = "site-b",
	.port = 1,
	.local = {IP_V4, {192, 0, 2, 1}},
	.remote = {IP_V4, {192, 0, 2, 2}},
	.path_mtu = 1300};
static struct tunnel *tunnel_places[] = {&tunnel};
struct sa *sas[SHOW_SAS];
static struct config_policy config_policies[2] = {
	{.name = "web", .hits = 0}, {.name = "rest", .hits = 1000}};
static struct config_tunnel config_tunnel = {
	.name = "site-b", .live = &tunnel, .has_out = true, .in_n = 2};
static struct config config = {
	.policies_n = 2, .policies = config_policies, .tunnels_n = 1, .tunnels = &config_tunnel};
struct gateway gateway = {
	.config = &config,
	.dp = &dp,
	.sas = SHOW_SAS,
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
	sa->body = sa;
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

int show_open(void **state)
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
	config_tunnel.out = (struct config_sa){.live = sas[0], .hard = {.octets = 1000}};
	config_tunnel.in[0] = (struct config_sa){
		.live = sas[1], .soft = {.seconds = 300, .packets = 5}, .hard = {.seconds = 400}};
	config_tunnel.in[1] = (struct config_sa){.live = sas[2]};
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

int show_close(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SHOW_SAS; i++) {
		if (sas[i]->in)
			sa_in_fini(sas[i]->in);
		free(sas[i]->in);
		free(sas[i]->out);
		free(sas[i]);
	}
	free(dp.worker[0]);
	free(dp.worker[1]);
	free(key);
	name_index_forget(&gateway.config->tunnel_names);
	name_index_forget(&gateway.config->policy_names);
	return 0;
}

json_t *ask(const char *question)
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

json_t *at(json_t *json, const char *name)
{
	json_t *found = json_object_get(json, name);

	if (!found)
		print_error("no \"%s\"\n", name);
	assert_non_null(found);
	return found;
}
