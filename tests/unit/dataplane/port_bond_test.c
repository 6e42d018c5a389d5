// Ports of bonded devices: opened, asked, and taken apart, with nothing left.
#include "fixture.h"

#include "dataplane/dataplane.h"
#include "dataplane/pool.h"
#include "dataplane/port_bond.h"
#include "dataplane/tx.h"

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>

#define MEMBERS 2
#define PATIENCE_MS 10000

static struct rte_mempool *pool;
static const char *const member[MEMBERS] = {"net_null7", "net_null8"};

static struct port_params bonded(enum port_bond_mode mode)
{
	struct port_params params = {.name = "wan",
		.side = PORT_UNPROTECTED,
		.mtu = 1400,
		.bond = {mode, PORT_BOND_LAYER23},
		.devices = MEMBERS};

	for (unsigned i = 0; i < MEMBERS; i++)
		snprintf(params.device[i], sizeof(params.device[i]), "%s", member[i]);
	return params;
}

static void plug_in(void)
{
	for (unsigned i = 0; i < MEMBERS; i++)
		assert_int_equal(rte_vdev_init(member[i], "no-rx=1"), 0);
}

static void pull_out(void)
{
	for (unsigned i = 0; i < MEMBERS; i++)
		assert_int_equal(rte_vdev_uninit(member[i]), 0);
	assert_int_equal(rte_eth_dev_count_avail(), 0);
}

static void open_or_fail(struct port *port, const struct port_params *params)
{
	struct error err = {.text = ""};

	*port = (struct port){.index = 3};
	if (port_open(port, params, pool, 2, 2, &err) != 0)
		fail_msg("%s", err.text);
}

// Of these drivers the bonding device asks for links every now and then.
static void wait_for(const struct port *port, uint16_t i, enum port_member_state state)
{
	for (unsigned ms = 0; ms < PATIENCE_MS && port_bond_member(port, i) != state; ms++)
		rte_delay_us_sleep(1000);
	assert_int_equal(port_bond_member(port, i), state);
}

static void one_carries(void **state)
{
	struct port_params params = bonded(PORT_BOND_ACTIVE_BACKUP);
	struct rte_ether_addr first;
	struct port port;
	uint16_t mtu;

	(void)state;
	plug_in();
	assert_int_equal(rte_eth_dev_get_port_by_name(member[0], &port.device[0]), 0);
	assert_int_equal(rte_eth_macaddr_get(port.device[0], &first), 0);
	open_or_fail(&port, &params);
	assert_int_equal(port.devices, 1);
	assert_int_equal(port.members, MEMBERS);
	assert_int_equal(port.rxqs, 2);
	assert_int_equal(port.txqs, 2);
	assert_memory_equal(&port.mac, &first, sizeof(first));
	for (unsigned i = 0; i < MEMBERS; i++) {
		assert_int_equal(rte_eth_dev_get_mtu(port.member[i], &mtu), 0);
		assert_int_equal(mtu, 1400);
	}
	wait_for(&port, 0, PORT_MEMBER_ACTIVE);
	wait_for(&port, 1, PORT_MEMBER_STANDBY);
	assert_true(port_link_up(&port));
	port.no_carrier = true;
	assert_false(port_link_up(&port));
	port_close(&port);
	pull_out();
}

static void all_carry(void **state)
{
	struct port_params params = bonded(PORT_BOND_BALANCE_XOR);
	struct port port;

	(void)state;
	plug_in();
	open_or_fail(&port, &params);
	wait_for(&port, 0, PORT_MEMBER_ACTIVE);
	wait_for(&port, 1, PORT_MEMBER_ACTIVE);
	port_close(&port);
	pull_out();
}

static uint64_t sent_by(const struct port *port)
{
	struct rte_eth_stats stats = {0};

	assert_int_equal(rte_eth_stats_get(port->device[0], &stats), 0);
	return stats.opackets;
}

// Nobody answers, and it asks although the worker has nothing to send.
static void a_partner_must_agree(void **state)
{
	static struct dataplane dp = {.ports = 1};
	static struct worker w = {.dp = &dp};
	struct port_params params = bonded(PORT_BOND_LACP);
	struct port port;

	(void)state;
	plug_in();
	open_or_fail(&port, &params);
	wait_for(&port, 0, PORT_MEMBER_STANDBY);
	wait_for(&port, 1, PORT_MEMBER_STANDBY);
	assert_false(port_link_up(&port));
	w.tx[0] = (struct tx_buffer){.lacp = true, .device = port.device[0]};
	for (unsigned ms = 0; ms < PATIENCE_MS && sent_by(&port) < MEMBERS; ms += 10) {
		tx_lacp(&w);
		rte_delay_us_sleep(10000);
	}
	assert_true(sent_by(&port) >= MEMBERS);
	port_close(&port);
	pull_out();
}

static void refuse(const struct port_params *params, const char *words)
{
	struct port port = {.index = 3};
	struct error err = {.text = ""};

	assert_true(port_open(&port, params, pool, 1, 1, &err) < 0);
	if (strstr(err.text, words) == NULL)
		fail_msg("\"%s\" says nothing of \"%s\"", err.text, words);
	assert_int_equal(port.devices + port.members, 0);
}

// And what was refused stands in nobody's way.
static void refusals(void **state)
{
	struct port_params params = bonded(PORT_BOND_BALANCE_XOR);
	struct port port;

	(void)state;
	plug_in();
	snprintf(params.device[1], sizeof(params.device[1]), "net_none");
	refuse(&params, "port wan: device net_none: device not found");
	snprintf(params.device[0], sizeof(params.device[0]), "net_none");
	refuse(&params, "port wan: device net_none: device not found");
	pull_out();
	// It sets no MAC address.
	assert_int_equal(rte_vdev_init("net_memif7", "role=server,id=0,socket=vped-bond"), 0);
	assert_int_equal(rte_vdev_init("net_memif8", "role=server,id=1,socket=vped-bond"), 0);
	snprintf(params.device[0], sizeof(params.device[0]), "net_memif7");
	snprintf(params.device[1], sizeof(params.device[1]), "net_memif8");
	refuse(&params, "port wan: device net_bonding3: starting it and its members");
	rte_vdev_uninit("net_memif7");
	rte_vdev_uninit("net_memif8");
	plug_in();
	params = bonded(PORT_BOND_LACP);
	open_or_fail(&port, &params);
	port_close(&port);
	pull_out();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_carries),
		cmocka_unit_test(all_carry),
		cmocka_unit_test(a_partner_must_agree),
		cmocka_unit_test(refusals),
	};
	int failed;

	lab_eal(NULL);
	pool = pool_create("bonded", 8191, 2176, 0, true);
	assert_non_null(pool);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rte_mempool_free(pool);
	return failed;
}
