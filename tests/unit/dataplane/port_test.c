// Ports on devices that say little about themselves.
#include "fixture.h"

#include "dataplane/pool.h"
#include "dataplane/port.h"

#include <rte_bus_vdev.h>
#include <rte_ethdev.h>

// What drivers report, or leave at DPDK's defaults.
static const struct {
	const char *what;
	uint32_t max_rx_pktlen;
	uint16_t max_mtu;
	uint16_t mtu;
} devices[] = {
	{"frames as net_memif has them", 1518, UINT16_MAX, 1500},
	{"frames without a limit", UINT32_MAX, UINT16_MAX, UINT16_MAX},
	{"frames with two VLAN tags", 9728, 9702, 9702},
	{"frames of 64 KiB", 65536, UINT16_MAX, 65518},
	{"an MTU as long as frames", 1500, 1500, 1482},
	{"nothing", 0, UINT16_MAX, UINT16_MAX},
};

static void device_mtu(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(devices); i++) {
		struct rte_eth_dev_info info = {
			.max_rx_pktlen = devices[i].max_rx_pktlen, .max_mtu = devices[i].max_mtu};

		if (port_device_mtu(&info) != devices[i].mtu)
			fail_msg("%s: %u, not %u", devices[i].what, port_device_mtu(&info),
				devices[i].mtu);
	}
}

// Its frames are as long as its buffers, whatever it reports.
static void memif_takes_jumbo_frames(void **state)
{
	struct port_params params = {.name = "lan", .mtu = 9000, .devices = 1};
	struct rte_mempool *pool = pool_create("jumbo", 2048, 9216, 0, true);
	struct port port = {0};
	struct error err = {.text = ""};

	(void)state;
	assert_non_null(pool);
	snprintf(params.device[0], sizeof(params.device[0]), "net_memif0");
	assert_int_equal(rte_vdev_init("net_memif0", "role=server,id=0,socket=vped-port-test"), 0);
	if (port_open(&port, &params, pool, 1, 1, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(port.mtu, 9000);
	assert_int_equal(port.rxqs, 1);
	port_close(&port);
	assert_int_equal(rte_vdev_uninit("net_memif0"), 0);
	rte_mempool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(device_mtu),
		cmocka_unit_test(memif_takes_jumbo_frames),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
