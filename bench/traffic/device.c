// A DPDK port for measuring: opening it.
#include "bench/traffic/device.h"

#include "base/compiler.h"
#include "bench/number.h"
#include "dataplane/pool.h"
#include "dataplane/port.h"

#include <errno.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <stdio.h>
#include <string.h>

#define DESCRIPTORS 1024
// What the rings of net_af_xdp, the greediest driver, hold for each queue, and a little more.
#define RX_BUFFERS 9216
#define TX_BUFFERS 4096
#define CHECKSUMS (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM)

int device_find(const char *text, struct device *device, struct error *err)
{
	uint64_t number;
	int rc;

	*device = (struct device){0};
	rc = rte_eth_dev_get_port_by_name(text, &device->id);
	if (rc != 0 && number_parse(text, 0, RTE_MAX_ETHPORTS - 1, &number) == 0) {
		device->id = (uint16_t)number;
		rc = rte_eth_dev_is_valid_port(device->id) ? 0 : -ENODEV;
	}
	if (rc != 0)
		return error_set(err, ENODEV,
			"there is no port '%s' among DPDK's %u; ports are made by EAL's --vdev or "
			"-a",
			text, rte_eth_dev_count_avail());
	return rte_eth_dev_get_name_by_port(device->id, device->name);
}

static bool is_virtual(const struct rte_eth_dev_info *info)
{
	return strcmp(rte_bus_name(rte_dev_bus(info->device)), "vdev") == 0;
}

static void clear_buffer(struct rte_mempool *pool, void *none, void *object, unsigned index)
{
	struct rte_mbuf *m = object;

	(void)pool;
	(void)none;
	(void)index;
	memset(m->buf_addr, 0, m->buf_len);
}

static int create_pools(struct device *device, const struct device_params *params,
	const struct rte_eth_dev_info *info, struct error *err)
{
	unsigned room = RTE_PKTMBUF_HEADROOM + RTE_MAX(2048u, params->frame_most + 4u);
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "receive %u", device->id);
	device->rx_pool =
		pool_create(name, RX_BUFFERS * (unsigned)params->queues, room, 0, is_virtual(info));
	snprintf(name, sizeof(name), "transmit %u", device->id);
	device->tx_pool =
		pool_create(name, TX_BUFFERS * (unsigned)params->queues, room, 0, is_virtual(info));
	if (device->rx_pool == NULL || device->tx_pool == NULL)
		return error_set(err, ENOMEM,
			"no memory for the buffers of port %s: give EAL more with -m or huge pages",
			device->name);
	rte_mempool_obj_iter(device->tx_pool, clear_buffer, NULL);
	return 0;
}

static int check_abilities(const struct device *device, const struct device_params *params,
	const struct rte_eth_dev_info *info, struct error *err)
{
	uint16_t most = RTE_MIN(info->max_rx_queues, info->max_tx_queues);

	if (params->queues > most)
		return error_set(err, EINVAL,
			"port %s has %u queues and %u worker lcores want one each: give EAL fewer "
			"lcores, or the port more queues",
			device->name, most, params->queues);
	if (params->offload && (info->tx_offload_capa & CHECKSUMS) != CHECKSUMS)
		return error_set(err, ENOTSUP,
			"port %s does not compute checksums: leave out --offload", device->name);
	return 0;
}

static int configure(const struct device *device, const struct device_params *params,
	const struct rte_eth_dev_info *info)
{
	struct rte_eth_conf conf = {0};
	uint64_t hash = (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP) & info->flow_type_rss_offloads;
	uint16_t mtu = (uint16_t)RTE_MAX(RTE_ETHER_MTU, params->frame_most - RTE_ETHER_HDR_LEN);

	// Several virtual devices pass more than they report.
	conf.rxmode.mtu = RTE_MIN(mtu, port_device_mtu(info));
	if (params->queues > 1 && hash != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = hash;
	}
	if (params->offload)
		conf.txmode.offloads = CHECKSUMS;
	return rte_eth_dev_configure(device->id, params->queues, params->queues, &conf);
}

static int set_up_queues(const struct device *device, const struct device_params *params)
{
	uint16_t rx = DESCRIPTORS;
	uint16_t tx = DESCRIPTORS;
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(device->id, &rx, &tx);

	for (uint16_t q = 0; q < params->queues && rc == 0; q++) {
		rc = rte_eth_rx_queue_setup(
			device->id, q, rx, SOCKET_ID_ANY, NULL, device->rx_pool);
		if (rc == 0)
			rc = rte_eth_tx_queue_setup(device->id, q, tx, SOCKET_ID_ANY, NULL);
	}
	return rc;
}

int device_open(struct device *device, const struct device_params *params, struct error *err)
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	int rc = rte_eth_dev_info_get(device->id, &info);

	if (rc == 0)
		rc = check_abilities(device, params, &info, err);
	if (rc == 0)
		rc = create_pools(device, params, &info, err);
	if (rc != 0)
		return rc;
	device->open = true;
	rc = configure(device, params, &info);
	if (rc == 0)
		rc = set_up_queues(device, params);
	if (rc == 0)
		rc = rte_eth_dev_start(device->id);
	if (rc == 0)
		rc = rte_eth_macaddr_get(device->id, &mac);
	if (rc != 0)
		return error_set(err, -rc, "port %s: %s", device->name, strerror(-rc));
	memcpy(device->mac, mac.addr_bytes, sizeof(device->mac));
	// Neighbour discovery comes by multicast; devices without filters answer ENOTSUP and
	// receive it anyway.
	(void)rte_eth_allmulticast_enable(device->id);
	return 0;
}

void device_close(struct device *device)
{
	if (device->open) {
		rte_eth_dev_stop(device->id);
		rte_eth_dev_close(device->id);
	}
	device->open = false;
	rte_mempool_free(device->rx_pool);
	rte_mempool_free(device->tx_pool);
	device->rx_pool = NULL;
	device->tx_pool = NULL;
}

bool device_link_up(const struct device *device)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(device->id, &link) == 0 && link.link_status;
}
