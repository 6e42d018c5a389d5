// Opening ports: devices found, queues and receive-side scaling configured as far as the devices
// can.
#include "dataplane/port.h"

#include "base/log.h"
#include "dataplane/port_bond.h"
#include "dataplane/port_xdp.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DESCRIPTORS 1024

// What spreads packets over receive queues: plain flows on protected ports; on unprotected ones the
// first 32 bits behind the IP header, ESP's SPI or VPE's Sender and Window ID.
static uint64_t rss_wanted(enum port_side side)
{
	if (side == PORT_UNPROTECTED)
		return RTE_ETH_RSS_ESP;
	return RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP;
}

static void describe_rss(struct port *port)
{
	const char *text = "none: one receive queue";

	if (port->rxqs > port->devices && !port->steered)
		text = "none: the device cannot hash this traffic";
	else if (port->rxqs > port->devices && port->side == PORT_UNPROTECTED)
		text = "RSS by ESP SPI or VPE ID word";
	else if (port->rxqs > port->devices)
		text = "RSS by addresses and ports";
	else if (port->devices > 1)
		text = "several devices, spread by what feeds them";
	snprintf(port->rss, sizeof(port->rss), "%s", text);
}

static void set_offloads(struct rte_eth_conf *conf, const struct rte_eth_dev_info *info)
{
	conf->rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
	conf->txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
}

uint16_t port_device_mtu(const struct rte_eth_dev_info *info)
{
	uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
	uint32_t by_frame = UINT16_MAX;

	// The driver's own figures tell what it counts besides the MTU, where it has both.
	if (info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu)
		overhead = info->max_rx_pktlen - info->max_mtu;
	if (info->max_rx_pktlen > overhead)
		by_frame = info->max_rx_pktlen - overhead;
	return (uint16_t)RTE_MIN(by_frame, info->max_mtu);
}

static int configure_device(struct port *port, uint16_t device, uint16_t rx, uint16_t tx,
	const struct rte_eth_dev_info *info)
{
	struct rte_eth_conf conf = {0};
	uint64_t able = rss_wanted(port->side) & info->flow_type_rss_offloads;

	// Where the device reports less than it can, the port's own limit is enforced in software.
	conf.rxmode.mtu = RTE_MIN(port->mtu, port_device_mtu(info));
	if (rx > 1 && able != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = able;
	}
	set_offloads(&conf, info);
	port->steered |= able != 0;
	return rte_eth_dev_configure(device, rx, tx, &conf);
}

static int setup_queues(struct port *port, uint16_t device, uint16_t rx, uint16_t tx,
	struct rte_mempool *pool, const struct rte_eth_dev_info *info)
{
	uint16_t rx_descriptors = DESCRIPTORS;
	uint16_t tx_descriptors = DESCRIPTORS;
	int socket = rte_eth_dev_socket_id(device);
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(device, &rx_descriptors, &tx_descriptors);
	struct rte_eth_txconf txconf = info->default_txconf;

	txconf.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	for (uint16_t q = 0; q < rx && rc == 0; q++) {
		port->rxq[port->rxqs++] = (struct port_queue){.device = device, .queue = q};
		rc = rte_eth_rx_queue_setup(
			device, q, rx_descriptors, (unsigned)socket, NULL, pool);
	}
	for (uint16_t q = 0; q < tx && rc == 0; q++) {
		port->txq[port->txqs++] = (struct port_queue){.device = device, .queue = q};
		rc = rte_eth_tx_queue_setup(device, q, tx_descriptors, (unsigned)socket, &txconf);
	}
	return rc;
}

static int start_device(const struct port *port, uint16_t device)
{
	int rc = rte_eth_dev_start(device);

	// Neighbour discovery comes by multicast. Devices without filters answer ENOTSUP and
	// receive everything; a bond with LACP of such devices has a filter of its own.
	if (rc != 0 || rte_eth_allmulticast_enable(device) == 0)
		return rc;
	if (port->bond == PORT_BOND_LACP)
		return rte_eth_promiscuous_enable(device);
	log_debug("device %u: no multicast filter to open", device);
	return 0;
}

static int open_device(struct port *port, const char *name, uint16_t rx, uint16_t tx,
	struct rte_mempool *pool, struct error *err)
{
	struct rte_eth_dev_info info;
	const char *step = "device not found; is its name right, its driver there?";
	uint16_t device;
	int rc = rte_eth_dev_get_port_by_name(name, &device);

	if (rc != 0)
		goto failed;
	step = "device information";
	rc = rte_eth_dev_info_get(device, &info);
	if (rc != 0)
		goto failed;
	rx = RTE_MIN(rx, info.max_rx_queues);
	tx = RTE_MIN(tx, info.max_tx_queues);
	step = "configuring";
	rc = configure_device(port, device, rx, tx, &info);
	if (rc != 0)
		goto failed;
	port->device[port->devices++] = device;
	step = "setting up queues";
	rc = setup_queues(port, device, rx, tx, pool, &info);
	if (rc != 0)
		goto failed;
	step = port->members > 0 ? "starting it and its members" : "starting";
	rc = start_device(port, device);
	if (rc != 0)
		goto failed;
	if (port->devices == 1)
		rc = rte_eth_macaddr_get(device, &port->mac);
	return rc;
failed:
	return error_set(
		err, -rc, "port %s: device %s: %s: %s", port->name, name, step, strerror(-rc));
}

static uint16_t per_device(uint16_t queues, uint16_t devices)
{
	return (uint16_t)RTE_MAX(1, (queues + devices - 1) / devices);
}

int port_open(struct port *port, const struct port_params *params, struct rte_mempool *pool,
	uint16_t rx, uint16_t tx, struct error *err)
{
	bool bonded = params->bond.mode != PORT_BOND_NONE;
	uint16_t devices = bonded ? 1 : params->devices;
	uint16_t most = PORT_QUEUES_MAX / devices;
	uint16_t rx_each = params->queues != 0 ? params->queues : per_device(rx, devices);
	uint16_t tx_each = per_device(tx, devices);
	char bond[PORT_DEVICE_NAME];
	int rc = 0;

	snprintf(port->name, sizeof(port->name), "%s", params->name);
	port->side = params->side;
	port->mtu = params->mtu;
	if (bonded)
		rc = port_bond_create(port, params, bond, err);
	for (uint16_t i = 0; i < devices && rc == 0; i++)
		rc = open_device(port, bonded ? bond : params->device[i], RTE_MIN(rx_each, most),
			RTE_MIN(tx_each, most), pool, err);
	if (rc != 0) {
		port_close(port);
		return rc;
	}
	port->socket = rte_eth_dev_socket_id(port->device[0]);
	describe_rss(port);
	return 0;
}

int port_open_vlan(
	struct port *port, const struct port_params *params, struct port *trunk, struct error *err)
{
	if (trunk->vlans == NULL) {
		trunk->vlans = malloc(PORT_VLANS);
		if (trunk->vlans == NULL)
			return error_set(err, ENOMEM, "port %s: no memory", params->name);
		memset(trunk->vlans, PORT_VLAN_NONE, PORT_VLANS);
	}
	if (trunk->vlans[params->vlan.id] != PORT_VLAN_NONE)
		return error_set(err, EEXIST, "port %s: VLAN %u of port %s is another port's",
			params->name, params->vlan.id, trunk->name);
	snprintf(port->name, sizeof(port->name), "%s", params->name);
	snprintf(port->rss, sizeof(port->rss), "as port %s", trunk->name);
	port->side = params->side;
	port->mtu = params->mtu;
	port->vlan = params->vlan;
	port->trunk = trunk;
	port->socket = trunk->socket;
	port->mac = trunk->mac;
	port->txqs = trunk->txqs;
	memcpy(port->txq, trunk->txq, sizeof(port->txq));
	trunk->vlans[params->vlan.id] = port->index;
	return 0;
}

void port_close(struct port *port)
{
	free(port->vlans);
	port->vlans = NULL;
	while (port->devices > 0) {
		uint16_t device = port->device[--port->devices];

		rte_eth_dev_stop(device);
		rte_eth_dev_close(device);
	}
	port_bond_destroy(port);
}

void port_losses(const struct port *port, struct port_losses *losses)
{
	*losses = (struct port_losses){.rx_missed = port_xdp_ring_full(port)};
	for (uint16_t i = 0; i < port->devices; i++) {
		struct rte_eth_stats stats;

		if (rte_eth_stats_get(port->device[i], &stats) != 0)
			continue;
		losses->rx_missed += stats.imissed;
		losses->rx_no_buffer += stats.rx_nombuf;
		losses->rx_errors += stats.ierrors;
		losses->tx_errors += stats.oerrors;
	}
}

bool port_link_up(const struct port *port)
{
	if (port->trunk != NULL)
		return port_link_up(port->trunk);
	if (port->no_carrier)
		return false;
	if (port->bond != PORT_BOND_NONE)
		return port_bond_carries(port);
	for (uint16_t i = 0; i < port->devices; i++) {
		struct rte_eth_link link;

		if (rte_eth_link_get_nowait(port->device[i], &link) != 0 || !link.link_status)
			return false;
	}
	return true;
}
